"""The scores of every question of a rung, as one small file beside the adapter."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from objectives import tensors
from objectives.base import Score
from objectives.questions import QuestionSubset

FOLDER = "scores"
"""Within a trial's working folder."""


def save(scores: tuple[Score, ...], base: tuple[Score, ...], part: QuestionSubset, file: Path) -> None:
    """Write all metrics of all questions, of the model and of the untouched base; the file appears whole or not at all.

    Tensors are called `entry/task/metric` and `base/entry/task/metric`, shape (questions,), float32, where `entry` is
    the number of the entry of `objective.scores`. The metadata's `asked` is JSON: for each task its version, its hash
    and the hashes of its questions in their order.
    """
    arrays = {**_tensors("", scores), **_tensors("base/", base)}
    asked = [
        {"entry": i, "task": each.task, "version": each.version, "hash": each.digest, "questions": list(each.questions)}
        for i, score in enumerate(scores)
        for each in score.asked
    ]
    notes = {"half": part.split, "share": str(part.share), "asked": json.dumps(asked)}
    tensors.write(file, arrays, notes)


def _tensors(prefix: str, scores: tuple[Score, ...]) -> tensors.Tensors:
    return {
        f"{prefix}{entry}/{name}": torch.tensor(array)
        for entry, score in enumerate(scores)
        for name, array in score.arrays.items()
    }
