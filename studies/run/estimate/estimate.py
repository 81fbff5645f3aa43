"""Calibrating on the machine, and what follows for a study."""

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
"""Trials of the space that are timed."""
_BASE_RUNS = 1
"""Of the confirmation: the untouched base trains on nothing."""
PAGES = (1, 10, 100, 1000)
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time, disk and memory that a study will take."""

    asked: Answers[Costs]
    times: Times
    load: float
    """Seconds until a worker is warm, from its start on, the base scored."""
    steps: int
    """Of a trial."""
    trial: float
    """Seconds of a whole trial on a warm worker."""
    search: Simulated
    confirming: int
    """Runs of the confirmation."""
    confirmation: float
    """Seconds of it, from Ray's start on."""
    tokens_a_page: float
    step_tokens: int
    rungs: tuple[int, ...]
    disk: int
    """Bytes, at most."""
    disk_free: int
    memory: int
    """Bytes, all workers and the driver at their peaks; what they share is counted for each."""
    memory_free: int
    card: int
    """Bytes of a graphics card, one trial."""
    card_size: int
    trials_a_card: float
    limits: bool
    """Whether all that is scored has a `limit` of questions."""
    fewest: int
    """Trials without which no text has an interval."""

    def print(self, console: Console | None = None, hours: float | None = None) -> None:
        """Print the estimate, and what to lower so that the study fits; `hours`: time that the user has."""
        from studies.run.estimate.shown import print_estimate

        print_estimate(console or Console(), self, hours)

    @property
    def start(self) -> float:
        """Seconds until the first trial begins."""
        return self.asked.ray + self.asked.worker + self.load

    @property
    def total(self) -> float:
        """Seconds of the study, without its report."""
        return self.start + self.search.seconds + self.confirmation

    def total_with(self, training: float = 1.0, scoring: float = 1.0) -> float:
        """Seconds of the study if trials trained on, or were scored on, this share of what they are now."""
        train = self.steps * self.times.step
        score = self.times.score * (len(self.rungs) - 1) + self.times.final
        share = (self.trial - (1 - training) * train - (1 - scoring) * score) / self.trial
        return self.start + share * (self.search.seconds + self.confirmation)

    @property
    def tokens_a_second(self) -> float:
        """Training tokens of one worker."""
        return self.step_tokens / self.times.step

    def trials_within(self, hours: float) -> int:
        """Trials that fit, confirmation included."""
        return max(0, int((3600 * hours - self.start - self.confirmation) / self.search.pace))

    @property
    def unfit(self) -> list[str]:
        """Sentences on what does not fit the machine."""
        found = []
        if self.disk > self.disk_free:
            found.append("disk")
        if self.memory > self.memory_free:
            found.append("memory")
        if self.card * self.trials_a_card > self.card_size:
            found.append("the memory of the graphics card")
        return found


def estimate(spec: StudySpec, runs: Path, *, local: bool, told: Callable[[str], None] = lambda _: None) -> Estimate:
    """Check a study, calibrate, and play it through; nothing of the study is begun.

    Args:
        spec: of the study.
        runs: folder that holds the studies; tokens of the texts are kept there.
        local: in this process, one trial after the other.
        told: hears what is being done.

    Raises:
        InputError: anything that would make the study fail.
    """
    objective = spec.objective
    if not isinstance(objective, FinetuneSpec):
        raise InputError(
            f"Only studies that train can be estimated, and objective.kind is {objective.kind}: launch it.",
            code="objective-trains-nothing",
        )
    folder = runs / spec.name
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    prepared, space = checked(spec, folder, corpus, spec.search.trials)
    question = partial(
        measure, objective, prepared.corpus, (folder / "cache").resolve(), _some_trials(space, prepared, spec.seed)
    )
    told("Calibrating: loading the base, a few steps, some questions …")
    if local:
        asked = Answers(1, 0.0, 0.0, [question()])
    else:
        asked = ray_runner(spec, prepared.device, folder / "ray").ask_workers(question)
    told("Playing the study through …")
    return _estimate(spec, objective, prepared, space, asked, folder)


def _some_trials(space: Space, prepared: Prepared, seed: int) -> list[TrialConfig]:
    """Trials drawn at random, each on all texts: a step takes as long whatever it reads."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    everything = CorpusMix.equal(prepared.corpus.names)
    return [space.decode(study.ask(space.distributions).params, seed).on(everything) for _ in range(_SAMPLED)]


def _estimate(
    spec: StudySpec, objective: FinetuneSpec, prepared: Prepared, space: Space, asked: Answers[Costs], folder: Path
) -> Estimate:
    costs, rungs = asked.answers, prepared.rungs
    times = _times(objective, costs)
    load = fmean(cost.load for cost in costs)
    confirming = confirming_runs(spec, prepared)
    tokens = {text.name: text.tokens for text in prepared.corpus.texts}
    training = objective.steps * times.step
    return Estimate(
        asked=asked,
        times=times,
        load=load + times.final,
        steps=objective.steps,
        trial=training + sum(times.of_rung(0, last=rung == rungs[-1]) for rung in rungs),
        search=simulate(space, spec.search, rungs, objective.step_tokens, times, asked.workers, spec.seed, tokens),
        confirming=confirming,
        confirmation=_confirmation(objective, asked, training, confirming) if confirming else 0.0,
        tokens_a_page=sum(tokens.values()) / sum(text.pages for text in prepared.corpus.texts),
        step_tokens=objective.step_tokens,
        rungs=rungs,
        disk=disk_needed(space, spec.search.trials + confirming) + _BYTES_PER_TOKEN * sum(tokens.values()),
        disk_free=shutil.disk_usage(folder).free,
        memory=(psutil.Process().memory_info().rss if asked.ray else 0)
        + asked.workers * (max(cost.memory for cost in costs) + _remembered(space, objective)),
        memory_free=psutil.virtual_memory().total,
        card=max(cost.card for cost in costs),
        card_size=_card_size(prepared.device),
        trials_a_card=max(1.0, 1 / (spec.search.gpus or 1.0)),
        limits=all("limit" in type(score).model_fields for score in objective.scores),
        fewest=fewest_trials(spec, space),
    )


def _times(objective: FinetuneSpec, costs: Sequence[Costs]) -> Times:
    """The mean over the workers; early rungs ask the share of the questions that the study says."""
    shares = objective.rung_questions[:-1]
    return Times(
        step=fmean(cost.step for cost in costs),
        score=fmean(cost.score for cost in costs) * (fmean(shares) if shares else 1.0),
        final=fmean(cost.final for cost in costs),
        save=fmean(cost.save for cost in costs),
    )


def _confirmation(objective: FinetuneSpec, asked: Answers[Costs], training: float, runs: int) -> float:
    """Seconds of the confirmation: Ray is started anew, the last rung asks all questions that were held out."""
    costs = asked.answers
    ratio = objective.scores[0].holdout / (1 - objective.scores[0].holdout)
    early, last = (ratio * fmean(times) for times in zip(*((cost.score, cost.final) for cost in costs), strict=True))
    rungs = len(objective.rung_steps)
    run = training + (rungs - 1) * IN_PASSING * early + last + rungs * fmean(cost.save for cost in costs)
    load = fmean(cost.load for cost in costs) + last  # the untouched base is among what is scored
    return asked.ray + asked.worker + load + math.ceil((runs - _BASE_RUNS) / asked.workers) * run


def _remembered(space: Space, objective: FinetuneSpec) -> int:
    """Bytes of a worker that outputs of frozen layers may take, in trials longer than those that were measured."""
    freezes = any(name.startswith("layers") for name in space.distributions)
    return round(objective.prefix_cache_gb * 1e9) if freezes else 0


def _card_size(device: str) -> int:
    from objectives.device import card_memory

    return card_memory(device)
