"""Files of tensors (safetensors) that this program writes, and reads whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from spaces.files import whole

Tensors = dict[str, torch.Tensor]


def write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors by name, and the metadata of the header; the file appears whole or not at all."""
    with whole(path) as unfinished:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished, dict(metadata or {}))


def read(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Tensors by name, on the processor, and the metadata of the header.

    Raises:
        OSError, safetensors.SafetensorError: there is no such file, or it cannot be read.
    """
    with safe_open(path, "pt") as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}, stored.metadata() or {}  # noqa: SIM118


def below(tensors: Mapping[str, torch.Tensor], prefix: str) -> Tensors:
    """The tensors whose names begin so, without the beginning."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
