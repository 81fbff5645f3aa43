"""Schedule of a run: the steps of each stage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spaces import Stage, TrialConfig
from spaces.repetition import as_read

if TYPE_CHECKING:
    from objectives.spec import FinetuneSpec


@dataclass(frozen=True, slots=True)
class StageSteps:
    """Stage that has training steps, with its position in the run."""

    index: int
    """Index among all stages of the trial, from 0."""
    stage: Stage
    """Stage with the mix and the budget that are actually read."""
    first: int
    """Steps before the stage, cumulative."""
    last: int
    """Steps at the end of the stage, cumulative."""

    @property
    def name(self) -> str:
        """Number and name of the stage."""
        return f"{self.index}-{self.stage.name}"


def stage_steps(trial: TrialConfig, tokens: Mapping[str, int], spec: FinetuneSpec) -> Iterator[StageSteps]:
    """Yield the stages that have training steps, in whole steps and within the limit of epochs.

    `tokens`: number of tokens of every text in any stage's mix.
    """
    first = left = 0
    for index, stage in enumerate(as_read(trial, tokens)):
        left = stage.budget + (left if trial.max_epochs is None else 0)
        steps, left = divmod(left, spec.step_tokens)
        if not stage.mix.names or not steps:
            continue
        yield StageSteps(index, stage, first, first + steps)
        first += steps


def with_stage_ends(spec: FinetuneSpec, stages: Sequence[StageSteps]) -> FinetuneSpec:
    """Return the objective with an additional rung at the end of every stage but the last, which ends with the run."""
    rungs = spec.rung_steps
    steps = sorted({*rungs, *(stage.last for stage in stages[:-1])})
    questions = [
        next(share for rung, share in zip(rungs, spec.rung_questions, strict=True) if rung >= step) for step in steps
    ]
    shares = {"rungs": [step / spec.steps for step in steps]}
    return spec.model_copy(update=shares if spec.questions is None else {**shares, "questions": questions})
