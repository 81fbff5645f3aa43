"""Saved state of a trial, to resume an interrupted trial from its last rung."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from objectives import tensors
from objectives.base import STATE, Rung
from objectives.device import pop_random_state, random_state, set_random_state
from objectives.training import artifact
from objectives.training.stage_adapter import StageAdapter

if TYPE_CHECKING:
    from objectives.training.pipeline import Pipeline


def save(pipeline: Pipeline, rung: Rung, fingerprint: str, workdir: Path) -> None:
    """Write weights, optimizer, random state and the rung to one file, which is replaced atomically.

    The adapters of earlier stages are in the rung's artifact.
    """
    random = random_state(on_card=pipeline.on_cuda)
    notes = {"trial": fingerprint, "step": str(pipeline.step), "rung": json.dumps(rung.to_dict())}
    tensors.write(_file(workdir), {**pipeline.tensors(), **random}, notes)


def restore(pipeline: Pipeline, fingerprint: str, workdir: Path) -> Rung | None:
    """Restore a new pipeline to the trial's last rung; return the rung, or None if there is no readable state.

    A trial whose state is missing or truncated starts from scratch.
    """
    try:
        stored, notes = tensors.read(_file(workdir))
        random = pop_random_state(stored, on_card=pipeline.on_cuda)
        if random is None or not {"trial", "step", "rung"} <= notes.keys() or notes["trial"] != fingerprint:
            return None
        rung = Rung.from_dict(json.loads(notes["rung"]))
        lines = artifact.read_lines(workdir / rung.artifact / artifact.PROVENANCE)
        finished = [StageAdapter.load(workdir / rung.artifact / line["stage"]) for line in lines[:-1]]
    except (OSError, SafetensorError):
        return None
    pipeline.load(stored, int(notes["step"]), finished, [line["losses"] for line in lines])
    set_random_state(random)
    return rung


def _file(workdir: Path) -> Path:
    return workdir / STATE / "last_rung.safetensors"
