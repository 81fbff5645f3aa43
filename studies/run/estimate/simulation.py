"""Simulation of a study with synthetic scores and measured times, to account for pruning and waiting."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import optuna
from optuna.storages import InMemoryStorage

from objectives.base import Rung
from objectives.data.order import generator
from search.opening import open_search
from search.samplers import SAMPLERS
from search.searcher import Decision, StudySearcher
from search.spec import SearchSpec
from spaces import Space, TrialConfig
from spaces.repetition import as_read

_NAME = "simulated"
_SPREAD, _NOISE = 1.0, 0.3
"""Standard deviations of the synthetic effects of texts, and of the noise of a score."""
_QUESTIONS = 24
"""Synthetic questions per rung, for pruners that compare questions."""
_QUICK = "random"
"""Substitute for samplers slower than the rest of the estimate: the study's time hardly depends on the sampler."""
_FEWEST, _MOST = 40, 200
"""Limits of the number of simulated trials: fewer are too noisy, and more continue at the same pace."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of the parts of a trial."""

    step: float
    score: float
    """Seconds to score a rung that is not the last."""
    final: float
    save: float

    def of_rung(self, steps: int, *, last: bool) -> float:
        """Return the seconds until a rung is reported, `steps` steps after the previous rung."""
        return steps * self.step + (self.final if last else self.score) + self.save


@dataclass(frozen=True, slots=True)
class Simulated:
    """Result of a simulation."""

    trials: int
    pace: float
    """Seconds per trial, all workers together."""
    workers: int
    pruned: int
    tokens: float
    """Share of the tokens of all trials that are trained on, in [0, 1]."""

    @property
    def seconds(self) -> float:
        """Seconds from the start of the first trial to the end of the last, at least the time of one trial."""
        return self.pace * max(self.trials, self.workers)


def simulate(
    space: Space,
    search: SearchSpec,
    rungs: tuple[int, ...],
    step_tokens: int,
    times: Times,
    workers: int,
    seed: int,
    tokens: Mapping[str, int],
) -> Simulated:
    """Simulate a study with its own sampler, arms and pruner.

    Args:
        space: search space of the study.
        search: search settings of the study.
        rungs: tokens at the rungs, cumulative.
        step_tokens: tokens of a training step.
        times: times of the parts of a trial.
        workers: number of parallel trials.
        seed: seed of the study.
        tokens: tokens of every text.
    """
    trials = min(max(search.trials, _FEWEST), _MOST)
    sampler = _QUICK if SAMPLERS[search.sampling].slow else search.sampling
    settings = search.model_copy(
        update={"trials": trials, "sampler": sampler, "secondary_objective": None, "timeout_hours": None}
    )
    storage = InMemoryStorage()
    optuna.create_study(storage=storage, study_name=_NAME, direction="maximize")
    searcher = open_search(storage, _NAME, space, settings, rungs, seed)
    simulation = _Simulation(searcher, _SyntheticScores(space.searched, seed), rungs, step_tokens, times, tokens)
    pace = simulation.run(workers) / trials
    pruned = round(simulation.pruned * search.trials / trials)
    return Simulated(search.trials, pace, workers, pruned, simulation.tokens / (trials * rungs[-1]))


class _SyntheticScores:
    """Synthetic scores: texts have effects, which grow with training, plus noise."""

    def __init__(self, texts: tuple[str, ...], seed: int) -> None:
        rng = generator(seed, _NAME)
        self._effects = dict(zip(texts, rng.normal(0, _SPREAD, len(texts)), strict=True))
        self._rng = rng

    def rung(self, config: TrialConfig, index: int, tokens: int, share: float) -> Rung:
        """Return a synthetic score of a trial at a rung, after `share` of its tokens."""
        worth = sum(self._effects.get(name, 0.0) for name in config.mix.names)
        items = worth * math.sqrt(share) + self._rng.normal(0, _NOISE * math.sqrt(_QUESTIONS), _QUESTIONS)
        return Rung(index, tokens, float(np.mean(items)), 0.0, 0.0, items=tuple(items.tolist()))


class _Simulation:
    """Event simulation of workers that run trials; time advances from rung to rung."""

    def __init__(
        self,
        searcher: StudySearcher,
        scores: _SyntheticScores,
        rungs: tuple[int, ...],
        step_tokens: int,
        times: Times,
        text_tokens: Mapping[str, int],
    ) -> None:
        self._searcher = searcher
        self._scores = scores
        self._rungs = rungs
        self._step_tokens = step_tokens
        self._times = times
        self._text_tokens = text_tokens
        self._due: list[tuple[float, int, TrialConfig, int]] = []
        """Heap of expected reports: time, trial number, configuration, rung index."""
        self.pruned = 0
        self.tokens = 0

    def run(self, workers: int) -> float:
        """Run the simulation to its end; return the end time in seconds."""
        now = 0.0
        for _ in range(workers):
            self._take(now)
        while self._due:
            now, number, config, index = heapq.heappop(self._due)
            budget = self._rungs[index]
            self.tokens += self._steps(config, index) * self._step_tokens
            rung = self._scores.rung(config, index, budget, budget / self._rungs[-1])
            if self._searcher.report(number, rung) is Decision.GO_ON:
                self._expect(now, number, config, index + 1)
                continue
            self.pruned += index < len(self._rungs) - 1
            self._take(now)
        return now

    def _steps(self, config: TrialConfig, index: int) -> int:
        """Return the steps of a trial between the previous rung and this one; repetition limits reduce them."""
        read = sum(stage.budget for stage in as_read(config, self._text_tokens) if stage.mix.names)
        begin, end = ((0, *self._rungs)[index + offset] for offset in (0, 1))
        return round((min(end, read) - min(begin, read)) / self._step_tokens)

    def _take(self, now: float) -> None:
        assignment = self._searcher.ask()
        if assignment is not None:
            self._expect(now, assignment.number, assignment.config, 0)

    def _expect(self, now: float, number: int, config: TrialConfig, index: int) -> None:
        last = index == len(self._rungs) - 1
        steps = self._steps(config, index)
        takes = self._times.of_rung(steps, last=last) if config.trains else 0.0  # the base is already scored
        heapq.heappush(self._due, (now + takes, number, config, index))
