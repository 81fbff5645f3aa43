"""Store the scores of every question of a rung in one small file next to the adapter."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from objectives import tensors
from objectives.base import Score
from objectives.questions import QuestionSubset

FOLDER = "scores"
"""Name of the folder within a trial's working folder."""


def save(scores: tuple[Score, ...], base: tuple[Score, ...], part: QuestionSubset, file: Path) -> None:
    """Write all metrics of all questions, of the model and of the untouched base, atomically.

    Tensors are called `entry/task/metric` and `base/entry/task/metric`, shape (questions,), float32, where `entry` is
    the number of the entry of `objective.scores`. The metadata's `asked` is JSON: for each task its version, its hash
    and the hashes of its questions in order.
    """
    arrays = {**_tensors("", scores), **_tensors("base/", base)}
    tasks = [
        {"entry": i, "task": task.task, "version": task.version, "hash": task.digest, "questions": list(task.questions)}
        for i, score in enumerate(scores)
        for task in score.asked
    ]
    metadata = {"half": part.split, "share": str(part.share), "asked": json.dumps(tasks)}
    tensors.write(file, arrays, metadata)


def _tensors(prefix: str, scores: tuple[Score, ...]) -> tensors.Tensors:
    return {
        f"{prefix}{entry}/{name}": torch.tensor(array)
        for entry, score in enumerate(scores)
        for name, array in score.arrays.items()
    }
