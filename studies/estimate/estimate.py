"""Calibrating on the machine, and what follows for a study."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

import optuna
import psutil

from objectives.base import Prepared
from objectives.costs import Costs, measure
from objectives.spec import FinetuneSpec
from search.ray_runner import Asked
from spaces import CorpusMix, InputError, Space, TrialConfig, scan
from studies.checks import disk_needed
from studies.confirmation import confirming_runs
from studies.estimate.simulation import Simulated, Times, simulate
from studies.launch import checked
from studies.session import ray_runner
from studies.spec import StudySpec

_SAMPLED = 4
"""Trials of the space that are timed."""
_BASE_RUNS = 1
"""Of the confirmation: the untouched base trains on nothing."""
PAGES = (1, 10, 100, 1000)
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a study will take."""

    asked: Asked[Costs]
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

    @property
    def start(self) -> float:
        """Seconds until the first trial begins."""
        return self.asked.ray + self.asked.worker + self.load

    @property
    def total(self) -> float:
        """Seconds of the study, without its report."""
        return self.start + self.search.seconds + self.confirmation

    @property
    def tokens_a_second(self) -> float:
        """Training tokens of one worker."""
        return self.step_tokens / self.times.step

    def trials_within(self, hours: float) -> int:
        """Trials that fit, confirmation included."""
        return max(0, int((3600 * hours - self.start - self.confirmation) / self.search.pace))

    @property
    def unfit(self) -> list[str]:
        """What does not fit, in words."""
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
            f"Only studies that train can be estimated, and objective.kind is {objective.kind}: launch it."
        )
    folder = runs / spec.name
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit)
    prepared, space = checked(spec, folder, corpus, spec.search.trials)
    question = partial(
        measure, objective, prepared.corpus, (folder / "cache").resolve(), _some_trials(space, prepared, spec.seed)
    )
    told("Calibrating: loading the base, a few steps, some questions …")
    if local:
        asked = Asked(1, 0.0, 0.0, [question()])
    else:
        asked = ray_runner(spec, prepared.device, folder / "ray").ask_workers(question)
    told("Playing the study through …")
    return _estimate(spec, objective, prepared, space, asked, folder)


def _some_trials(space: Space, prepared: Prepared, seed: int) -> list[TrialConfig]:
    """Trials drawn at random, each on all texts: which texts they are changes nothing."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    everything = CorpusMix.equal(prepared.corpus.names)
    return [space.decode(study.ask(space.distributions).params, seed).on(everything) for _ in range(_SAMPLED)]


def _estimate(
    spec: StudySpec, objective: FinetuneSpec, prepared: Prepared, space: Space, asked: Asked[Costs], folder: Path
) -> Estimate:
    costs = asked.answers
    shares = objective.rung_questions
    final = fmean(cost.final for cost in costs)
    times = Times(
        step=fmean(cost.step for cost in costs),
        score=fmean(cost.score for cost in costs) * (fmean(shares[:-1]) if shares[1:] else 1.0),
        final=final,
        save=fmean(cost.save for cost in costs),
    )
    load = fmean(cost.load for cost in costs)
    steps = objective.steps
    rungs = prepared.rungs
    confirming = confirming_runs(spec, prepared)
    kept = objective.scores[0].holdout
    holdout = final * kept / (1 - kept)
    early = fmean(cost.score for cost in costs) * kept / (1 - kept)  # stories are written at the last rung only
    run = steps * times.step + (len(rungs) - 1) * early + holdout + len(rungs) * times.save
    rounds = math.ceil(max(0, confirming - _BASE_RUNS) / asked.workers)
    trials = spec.search.trials + confirming
    pages = sum(text.pages for text in prepared.corpus.texts)
    by_text = {text.name: text.tokens for text in prepared.corpus.texts}
    tokens = sum(by_text.values())
    gpus = spec.search.gpus or 1.0
    return Estimate(
        asked=asked,
        times=times,
        load=load + final,
        steps=steps,
        trial=sum(times.of_rung(0, last=index == len(rungs) - 1) for index in range(len(rungs))) + steps * times.step,
        search=simulate(space, spec.search, rungs, objective.step_tokens, times, asked.workers, spec.seed, by_text),
        confirming=confirming,
        confirmation=asked.ray + asked.worker + load + holdout + rounds * run if confirming else 0.0,
        tokens_a_page=tokens / pages,
        step_tokens=objective.step_tokens,
        rungs=rungs,
        disk=disk_needed(space, trials) + _BYTES_PER_TOKEN * tokens,
        disk_free=shutil.disk_usage(folder).free,
        memory=(psutil.Process().memory_info().rss if asked.ray else 0) + asked.workers * max(c.memory for c in costs),
        memory_free=psutil.virtual_memory().total,
        card=max(cost.card for cost in costs),
        card_size=_card_size(prepared.device),
        trials_a_card=max(1.0, 1 / gpus),
    )


def _card_size(device: str) -> int:
    if device != "cuda":
        return 0
    import torch

    return int(torch.cuda.get_device_properties(0).total_memory)
