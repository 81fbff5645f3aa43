"""Read and write safetensors files of this program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from spaces.files import whole

Tensors = dict[str, torch.Tensor]


def write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write named tensors and header metadata to a file atomically."""
    with whole(path) as unfinished:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished, dict(metadata or {}))


def read(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Read all tensors of a file by name, on the CPU, and its header metadata.

    Raises:
        OSError, safetensors.SafetensorError: the file does not exist or cannot be read.
    """
    with safe_open(path, "pt") as stored:
        return {name: stored.get_tensor(name) for name in stored.keys()}, stored.metadata() or {}  # noqa: SIM118


def below(tensors: Mapping[str, torch.Tensor], prefix: str) -> Tensors:
    """Return the tensors whose names begin with a prefix, by name without the prefix."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
