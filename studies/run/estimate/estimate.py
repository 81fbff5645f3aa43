"""Estimates of a study's time, disk and memory, calibrated on the machine."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import optuna
import psutil
from rich.console import Console

from objectives.base import Prepared
from objectives.costs import Costs, measure
from objectives.questions import IN_PASSING
from objectives.spec import FinetuneSpec
from search.ray.runner import Answers
from spaces import CorpusMix, InputError, Space, TrialConfig, scan
from studies.analysis.confirmation import confirming_runs
from studies.run.checks import disk_needed, fewest_trials
from studies.run.estimate.simulation import Simulated, Times, simulate
from studies.run.launch import checked
from studies.run.runners import ray_runner
from studies.spec import StudySpec

_SAMPLED = 4
"""Number of random trials that are timed."""
_BASE_RUNS = 1
"""Confirmation runs that need no time: the untouched base does not train."""
PAGES = (1, 10, 100, 1000)
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time, disk and memory that a study will take."""

    measured: Answers[Costs]
    times: Times
    load: float
    """Seconds from a worker's start until the base is loaded and scored."""
    steps: int
    """Training steps of a trial."""
    trial: float
    """Seconds of a whole trial on a warm worker."""
    search: Simulated
    confirming: int
    """Number of confirmation runs, at most."""
    confirmation: float
    """Seconds of the confirmation, including Ray's start."""
    tokens_a_page: float
    step_tokens: int
    rungs: tuple[int, ...]
    disk: int
    """Bytes that the study writes, at most."""
    disk_free: int
    memory: int
    """Bytes of all workers and the driver at their peaks; shared memory is counted for each."""
    memory_free: int
    card: int
    """Bytes of GPU memory per trial."""
    card_size: int
    trials_a_card: float
    limits: bool
    """Whether every score has a `limit` of questions."""
    fewest: int
    """Minimum number of trials for intervals."""

    def print(self, console: Console | None = None, hours: float | None = None) -> None:
        """Print the estimate, and what to lower so that the study fits; `hours`: time that the user has."""
        from studies.run.estimate.shown import print_estimate

        print_estimate(console or Console(), self, hours)

    @property
    def start(self) -> float:
        """Seconds until the first trial starts."""
        return self.measured.ray + self.measured.worker + self.load

    @property
    def total(self) -> float:
        """Seconds of the whole study, without its report."""
        return self.start + self.search.seconds + self.confirmation

    def total_with(self, training: float = 1.0, scoring: float = 1.0) -> float:
        """Return the study's seconds with these shares of the training tokens and of the scored questions."""
        train = self.steps * self.times.step
        score = self.times.score * (len(self.rungs) - 1) + self.times.final
        share = (self.trial - (1 - training) * train - (1 - scoring) * score) / self.trial
        return self.start + share * (self.search.seconds + self.confirmation)

    @property
    def tokens_a_second(self) -> float:
        """Training tokens per second of one worker."""
        return self.step_tokens / self.times.step

    def trials_within(self, hours: float) -> int:
        """Return the number of trials that fit into `hours`, confirmation included."""
        return max(0, int((3600 * hours - self.start - self.confirmation) / self.search.pace))

    @property
    def unfit(self) -> list[str]:
        """Names of the resources that the machine has too little of."""
        missing = []
        if self.disk > self.disk_free:
            missing.append("disk")
        if self.memory > self.memory_free:
            missing.append("memory")
        if self.card * self.trials_a_card > self.card_size:
            missing.append("GPU memory")
        return missing


def estimate(
    spec: StudySpec, runs: Path, *, local: bool, on_progress: Callable[[str], None] = lambda _: None
) -> Estimate:
    """Check a study, calibrate, and simulate it, without launching it.

    Args:
        spec: specification of the study.
        runs: folder that contains the studies; tokens of the texts are cached there.
        local: whether trials run in this process, one after the other.
        on_progress: callback that receives progress messages.

    Raises:
        InputError: anything that would make the study fail.
    """
    objective = spec.objective
    if not isinstance(objective, FinetuneSpec):
        raise InputError(
            f"Only studies that train can be estimated, but objective.kind is {objective.kind}. Launch the study.",
            code="objective-trains-nothing",
        )
    folder = runs / spec.name
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    prepared, space = checked(spec, folder, corpus, spec.search.trials)
    measurement = partial(
        measure, objective, prepared.corpus, (folder / "cache").resolve(), _some_trials(space, prepared, spec.seed)
    )
    on_progress("Calibrating: loading the base, a few steps, some questions …")
    if local:
        measured = Answers(1, 0.0, 0.0, [measurement()])
    else:
        measured = ray_runner(spec, prepared.device, folder / "ray").ask_workers(measurement)
    on_progress("Simulating the study …")
    return _estimate(spec, objective, prepared, space, measured, folder)


def _some_trials(space: Space, prepared: Prepared, seed: int) -> list[TrialConfig]:
    """Return random trials, each on all texts: the time of a step does not depend on the texts."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    everything = CorpusMix.equal(prepared.corpus.names)
    return [space.decode(study.ask(space.distributions).params, seed).on(everything) for _ in range(_SAMPLED)]


def _estimate(
    spec: StudySpec, objective: FinetuneSpec, prepared: Prepared, space: Space, measured: Answers[Costs], folder: Path
) -> Estimate:
    costs, rungs = measured.answers, prepared.rungs
    times = _times(objective, costs)
    load = fmean(cost.load for cost in costs)
    confirming = confirming_runs(spec, prepared)
    tokens = {text.name: text.tokens for text in prepared.corpus.texts}
    training = objective.steps * times.step
    return Estimate(
        measured=measured,
        times=times,
        load=load + times.final,
        steps=objective.steps,
        trial=training + sum(times.of_rung(0, last=rung == rungs[-1]) for rung in rungs),
        search=simulate(space, spec.search, rungs, objective.step_tokens, times, measured.workers, spec.seed, tokens),
        confirming=confirming,
        confirmation=_confirmation(objective, measured, training, confirming) if confirming else 0.0,
        tokens_a_page=sum(tokens.values()) / sum(text.pages for text in prepared.corpus.texts),
        step_tokens=objective.step_tokens,
        rungs=rungs,
        disk=disk_needed(space, spec.search.trials + confirming) + _BYTES_PER_TOKEN * sum(tokens.values()),
        disk_free=shutil.disk_usage(folder).free,
        memory=(psutil.Process().memory_info().rss if measured.ray else 0)
        + measured.workers * (max(cost.memory for cost in costs) + _prefix_cache_bytes(space, objective)),
        memory_free=psutil.virtual_memory().total,
        card=max(cost.card for cost in costs),
        card_size=_card_size(prepared.device),
        trials_a_card=max(1.0, 1 / (spec.search.gpus or 1.0)),
        limits=all("limit" in type(score).model_fields for score in objective.scores),
        fewest=fewest_trials(spec, space),
    )


def _times(objective: FinetuneSpec, costs: Sequence[Costs]) -> Times:
    """Return the mean times over the workers; early rungs score the study's share of the questions."""
    shares = objective.rung_questions[:-1]
    return Times(
        step=fmean(cost.step for cost in costs),
        score=fmean(cost.score for cost in costs) * (fmean(shares) if shares else 1.0),
        final=fmean(cost.final for cost in costs),
        save=fmean(cost.save for cost in costs),
    )


def _confirmation(objective: FinetuneSpec, measured: Answers[Costs], training: float, runs: int) -> float:
    """Return the seconds of the confirmation: Ray restarts, and the last rung scores all held-out questions."""
    costs = measured.answers
    ratio = objective.scores[0].holdout / (1 - objective.scores[0].holdout)
    early, last = (ratio * fmean(times) for times in zip(*((cost.score, cost.final) for cost in costs), strict=True))
    rungs = len(objective.rung_steps)
    run = training + (rungs - 1) * IN_PASSING * early + last + rungs * fmean(cost.save for cost in costs)
    load = fmean(cost.load for cost in costs) + last  # includes scoring the untouched base
    return measured.ray + measured.worker + load + math.ceil((runs - _BASE_RUNS) / measured.workers) * run


def _prefix_cache_bytes(space: Space, objective: FinetuneSpec) -> int:
    """Return the maximum bytes per worker of cached frozen-layer outputs, for trials longer than the measured ones."""
    freezes = any(name.startswith("layers") for name in space.distributions)
    return round(objective.prefix_cache_gb * 1e9) if freezes else 0


def _card_size(device: str) -> int:
    from objectives.device import card_memory

    return card_memory(device)
