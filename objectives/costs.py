"""Cost of a trial on this machine, measured in a few seconds with the study's own base, texts and questions."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from objectives.base import Rung
from objectives.device import most_card_memory, wait_for_card
from objectives.questions import QuestionSubset
from objectives.spec import FinetuneSpec
from objectives.training import artifact, state
from objectives.training.pipeline import Pipeline
from objectives.worker import WorkerResources
from spaces import Corpus, TrialConfig

_TRAIN_SECONDS = 1.0
"""Seconds for which the steps of a stage are timed."""
_SCORE_SECONDS = 6.0
"""All questions are timed if they take less than this; otherwise a share of them."""
_FIRST_SHARE = 0.1
_WARM_UP = 2
"""Untimed steps before the timed ones."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of a trial, measured in one worker while all others measure too."""

    load: float
    """Seconds to load base, tokens and questions."""
    step: float
    """Seconds of a training step, averaged over some trials of the space and their stages."""
    score: float
    """Seconds to score the search's questions at a rung before the last."""
    final: float
    """Seconds to score the search's questions at the last rung, where answers are generated."""
    save: float
    """Seconds to write the files of a rung."""
    memory: int
    """Peak memory of the worker, in bytes."""
    card: int
    """Peak GPU memory of the worker, in bytes; 0 without a GPU."""


def measure(spec: FinetuneSpec, corpus: Corpus, cache: Path, trials: Sequence[TrialConfig]) -> Costs:
    """Load everything as a worker does, and time steps, scoring and writing.

    Args:
        spec: settings of the objective.
        corpus: the texts.
        cache: folder for files that can be recomputed.
        trials: some trials of the study, each with texts.
    """
    load, resources = _timed(lambda: WorkerResources.open(spec, corpus, cache, from_scratch=trials[0].from_scratch))
    score, final = (_scoring(resources, final=final) for final in (False, True))
    steps, saves = zip(*(_training(resources, spec, trial) for trial in trials), strict=True)
    return Costs(
        load=load,
        step=sum(steps) / len(steps),
        score=score,
        final=final,
        save=sum(saves) / len(saves),
        memory=_peak_memory(),
        card=most_card_memory(),
    )


def _timed(do: Callable[[], _T]) -> tuple[float, _T]:
    start = time.perf_counter()
    result = do()
    wait_for_card()
    return time.perf_counter() - start, result


def _scoring(resources: WorkerResources, *, final: bool) -> float:
    """Seconds to score all of the search's questions; extrapolated from a share of them if there are many."""
    part = QuestionSubset(share=_FIRST_SHARE, final=final)
    resources.score(part)
    share = _FIRST_SHARE
    seconds, _ = _timed(lambda: resources.score(part))
    if seconds / share < _SCORE_SECONDS:
        share = 1.0
        seconds, _ = _timed(lambda: resources.score(QuestionSubset(final=final)))
    return seconds / share


def _training(resources: WorkerResources, spec: FinetuneSpec, trial: TrialConfig) -> tuple[float, float]:
    """Seconds of a step, averaged over the stages by their tokens, and of writing the files of all stages."""
    tokens = {text.name: resources.tokens(text) for text in resources.corpus.texts}
    step = save = 0.0
    for stage in trial.stages:
        alone = replace(trial, stages=(stage,))
        with (
            Pipeline(resources.model, alone, tokens, spec, resources.tokens.prefix) as pipeline,
            tempfile.TemporaryDirectory() as workdir,
        ):
            if not pipeline.stages:
                continue
            share = stage.budget / sum(other.budget for other in trial.stages)
            step += share * _seconds_a_step(pipeline)
            folder = Path(workdir) / "rung-0"
            lines = artifact.describe(alone, resources.corpus, pipeline, spec.step_tokens)
            rung = Rung(0, 0, 0.0, 0.0, 0.0, artifact=folder.name)
            seconds, _ = _timed(lambda: artifact.save(pipeline, folder, lines))  # noqa: B023  called at once
            more, _ = _timed(lambda: state.save(pipeline, rung, trial.fingerprint, Path(workdir)))  # noqa: B023  same
            save += seconds + more
    return step, save


def _seconds_a_step(pipeline: Pipeline) -> float:
    """Mean seconds of a step over about one second of steps, after a warm-up."""
    pipeline.run(min(_WARM_UP, pipeline.steps - 1))
    seconds, done = 0.0, 0
    while seconds < _TRAIN_SECONDS and (done == 0 or pipeline.step < pipeline.steps):
        before = pipeline.step
        took, _ = _timed(lambda: pipeline.run(before + 1))  # noqa: B023  called at once
        seconds, done = seconds + took, done + 1
    return seconds / done


def _peak_memory() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
