"""What a trial that was cut off needs to go on from its last rung as if nothing had happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from objectives.base import STATE, Rung
from objectives.training import artifact
from objectives.training.learned import Learned

if TYPE_CHECKING:
    from objectives.training.pipeline import Pipeline

_RANDOM = "random"
_RANDOM_CUDA = "random_cuda"


def save(pipeline: Pipeline, rung: Rung, fingerprint: str, workdir: Path) -> None:
    """Write weights, optimiser, random numbers and the rung as one file, which is replaced whole or not at all.

    What earlier stages have learnt lies in the rung's artifact.
    """
    file = _file(workdir)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".tmp")
    tensors = {**pipeline.tensors(), _RANDOM: torch.get_rng_state()}
    if pipeline.on_cuda:
        tensors[_RANDOM_CUDA] = torch.cuda.get_rng_state()
    notes = {"trial": fingerprint, "step": str(pipeline.step), "rung": json.dumps(rung.to_dict())}
    save_file(tensors, unfinished, metadata=notes)
    unfinished.replace(file)


def restore(pipeline: Pipeline, fingerprint: str, workdir: Path) -> Rung | None:
    """Bring a fresh pipeline to where the trial's last rung was; None where nothing of this trial can be read.

    A trial whose state is gone or cut off starts anew: that costs time and loses nothing.
    """
    file = _file(workdir)
    try:
        with safe_open(file, "pt") as stored:
            notes = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  not a mapping
        whole = {"trial", "step", "rung"} <= notes.keys() and _RANDOM in tensors
        if not whole or notes["trial"] != fingerprint or (_RANDOM_CUDA in tensors) != pipeline.on_cuda:
            return None
        rung = Rung.from_dict(json.loads(notes["rung"]))
        lines = artifact.read_lines(workdir / rung.artifact / artifact.PROVENANCE)
        finished = [Learned.load(workdir / rung.artifact / line["stage"]) for line in lines[:-1]]
    except (OSError, SafetensorError):
        return None
    on_card = tensors.pop(_RANDOM_CUDA, None)
    random = tensors.pop(_RANDOM)
    pipeline.load(tensors, int(notes["step"]), finished, [line["losses"] for line in lines])
    torch.set_rng_state(random)
    if on_card is not None:
        torch.cuda.set_rng_state(on_card)
    return rung


def _file(workdir: Path) -> Path:
    return workdir / STATE / "last_rung.safetensors"
