"""What a trial that was cut off needs to go on from its last rung as if nothing had happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from objectives.base import STATE, Rung

if TYPE_CHECKING:
    from objectives.training.loop import Trainer

_RANDOM = "random"
_RANDOM_CUDA = "random_cuda"


def save(trainer: Trainer, rung: Rung, fingerprint: str, workdir: Path) -> None:
    """Write weights, optimiser, random numbers and the rung as one file, which is replaced whole or not at all."""
    file = _file(workdir)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(".tmp")
    tensors = {**trainer.tensors(), _RANDOM: torch.get_rng_state()}
    if trainer.on_cuda:
        tensors[_RANDOM_CUDA] = torch.cuda.get_rng_state()
    notes = {"trial": fingerprint, "step": str(trainer.step), "rung": json.dumps(rung.to_dict())}
    save_file(tensors, unfinished, metadata=notes)
    unfinished.replace(file)


def restore(trainer: Trainer, fingerprint: str, workdir: Path) -> Rung | None:
    """Bring a fresh trainer to where the trial's last rung was; None where nothing of this trial can be read.

    A trial whose state is gone or cut off starts anew: that costs time and loses nothing.
    """
    file = _file(workdir)
    try:
        with safe_open(file, "pt") as stored:
            notes = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  not a mapping
    except (OSError, SafetensorError):
        return None
    whole = {"trial", "step", "rung"} <= notes.keys() and _RANDOM in tensors
    if not whole or notes["trial"] != fingerprint or (_RANDOM_CUDA in tensors) != trainer.on_cuda:
        return None
    torch.set_rng_state(tensors.pop(_RANDOM))
    if trainer.on_cuda:
        torch.cuda.set_rng_state(tensors.pop(_RANDOM_CUDA))
    trainer.load(tensors, int(notes["step"]))
    return Rung.from_dict(json.loads(notes["rung"]))


def _file(workdir: Path) -> Path:
    return workdir / STATE / "last_rung.safetensors"
