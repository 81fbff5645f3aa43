"""What a trial that was cut off needs to go on from its last rung as if nothing had happened."""

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
    """Write weights, optimizer, random numbers and the rung as one file, which is replaced whole or not at all.

    What earlier stages have learned lies in the rung's artifact.
    """
    drawn = random_state(on_card=pipeline.on_cuda)
    notes = {"trial": fingerprint, "step": str(pipeline.step), "rung": json.dumps(rung.to_dict())}
    tensors.write(_file(workdir), {**pipeline.tensors(), **drawn}, notes)


def restore(pipeline: Pipeline, fingerprint: str, workdir: Path) -> Rung | None:
    """Bring a fresh pipeline to where the trial's last rung was; None where nothing of this trial can be read.

    A trial whose state is gone or cut off starts anew: that costs time and loses nothing.
    """
    try:
        stored, notes = tensors.read(_file(workdir))
        drawn = pop_random_state(stored, on_card=pipeline.on_cuda)
        if drawn is None or not {"trial", "step", "rung"} <= notes.keys() or notes["trial"] != fingerprint:
            return None
        rung = Rung.from_dict(json.loads(notes["rung"]))
        lines = artifact.read_lines(workdir / rung.artifact / artifact.PROVENANCE)
        finished = [StageAdapter.load(workdir / rung.artifact / line["stage"]) for line in lines[:-1]]
    except (OSError, SafetensorError):
        return None
    pipeline.load(stored, int(notes["step"]), finished, [line["losses"] for line in lines])
    set_random_state(drawn)
    return rung


def _file(workdir: Path) -> Path:
    return workdir / STATE / "last_rung.safetensors"
