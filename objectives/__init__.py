"""Objectives turn a trial into scores: load a base, train an adapter on a mix, score it at rungs. No optuna, no ray."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from objectives.base import Objective, Prepared, Rung, Score
from spaces import Corpus
from spaces.kinds import load

if TYPE_CHECKING:
    from objectives.spec import ObjectiveSpec

OBJECTIVES: Mapping[str, str] = {
    "finetune": "objectives.finetune:FinetuneObjective",
    "function": "objectives.function:FunctionObjective",
    "synthetic": "objectives.synthetic:SyntheticObjective",
}
"""Kind of an `objective:` section, mapped to the class that runs it."""


class _ObjectiveClass(Protocol):
    def __call__(self, spec: ObjectiveSpec, corpus: Corpus, cache: Path) -> Objective: ...

    def prepare(self, spec: ObjectiveSpec, corpus: Corpus, cache: Path) -> Prepared: ...


def prepare(spec: ObjectiveSpec, corpus: Corpus, cache: Path) -> Prepared:
    """Check an objective against the corpus and the machine, before any compute.

    `cache` is a folder for files that can be recomputed.

    Raises:
        InputError: the base, a text or a task cannot be used.
    """
    return cast("_ObjectiveClass", load(OBJECTIVES[spec.kind])).prepare(spec, corpus, cache)


def build(spec: ObjectiveSpec, corpus: Corpus, cache: Path) -> Objective:
    """Return the objective that runs trials; `cache` is a folder for files that can be recomputed."""
    return cast("_ObjectiveClass", load(OBJECTIVES[spec.kind]))(spec, corpus, cache)


__all__ = ["OBJECTIVES", "Objective", "Prepared", "Rung", "Score", "build", "prepare"]
