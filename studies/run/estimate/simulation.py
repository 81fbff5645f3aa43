"""A study played through with imagined scores and measured times: what pruning and waiting make of its length."""

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
"""Standard deviations of the imagined effects of texts, and of a score beside them."""
_QUESTIONS = 24
"""Imagined for each rung, for pruners that compare them."""
_QUICK = "random"
"""Sampler in the place of one that would take longer than the rest of the estimate: times hardly depend on it."""
_FEWEST, _MOST = 40, 200
"""Trials played through; of fewer luck has too much part, more go on at the same pace."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of the parts of a trial."""

    step: float
    score: float
    """Of a rung that is not the last."""
    final: float
    save: float

    def of_rung(self, steps: int, *, last: bool) -> float:
        """Until a rung is told, so many steps after the one before."""
        return steps * self.step + (self.final if last else self.score) + self.save


@dataclass(frozen=True, slots=True)
class Simulated:
    """A study as it may go."""

    trials: int
    pace: float
    """Seconds a trial, all workers together."""
    workers: int
    pruned: int
    tokens: float
    """Share of the tokens of all trials that is trained on."""

    @property
    def seconds(self) -> float:
        """From the first trial's begin to the last one's end: one trial's time at least."""
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
    """Play a study through with the product's own sampler, arms and pruner.

    Args:
        space: of the study.
        search: of the study.
        rungs: cumulative tokens.
        step_tokens: tokens of a training step.
        times: of the parts of a trial.
        workers: trials at once.
        seed: of the study.
        tokens: of every text.
    """
    trials = min(max(search.trials, _FEWEST), _MOST)
    sampler = _QUICK if SAMPLERS[search.sampling].slow else search.sampling
    told = search.model_copy(update={"trials": trials, "sampler": sampler, "second": None, "hours": None})
    storage = InMemoryStorage()
    optuna.create_study(storage=storage, study_name=_NAME, direction="maximize")
    searcher = open_search(storage, _NAME, space, told, rungs, seed)
    played = _Play(searcher, _Scores(space.searched, seed), rungs, step_tokens, times, tokens)
    pace = played.run(workers) / trials
    pruned = round(played.pruned * search.trials / trials)
    return Simulated(search.trials, pace, workers, pruned, played.tokens / (trials * rungs[-1]))


class _Scores:
    """Imagined scores: texts have effects, models get better as they read, luck has its part."""

    def __init__(self, texts: tuple[str, ...], seed: int) -> None:
        rng = generator(seed, _NAME)
        self._effects = dict(zip(texts, rng.normal(0, _SPREAD, len(texts)), strict=True))
        self._rng = rng

    def rung(self, config: TrialConfig, index: int, tokens: int, share: float) -> Rung:
        """An imagined score of a trial at a rung, after this share of its tokens."""
        worth = sum(self._effects.get(name, 0.0) for name in config.mix.names)
        items = worth * math.sqrt(share) + self._rng.normal(0, _NOISE * math.sqrt(_QUESTIONS), _QUESTIONS)
        return Rung(index, tokens, float(np.mean(items)), 0.0, 0.0, items=tuple(items.tolist()))


class _Play:
    """Workers that take trials in turn; time passes from rung to rung."""

    def __init__(
        self,
        searcher: StudySearcher,
        scores: _Scores,
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
        """When which trial tells which rung."""
        self.pruned = 0
        self.tokens = 0

    def run(self, workers: int) -> float:
        """Play to the end; return when that was."""
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
        """Steps of a trial before a rung and after the one before: fewer where its texts may not be read so often."""
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
        takes = self._times.of_rung(steps, last=last) if config.trains else 0.0  # the base's scores are known
        heapq.heappush(self._due, (now + takes, number, config, index))
