"""Everything that a run of several stages has learned, in one file, and back onto the base."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from objectives import tensors
from objectives.training.stage_adapter import StageAdapter
from spaces import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_FORMAT = "mixtune stages 1"


def write(path: Path, learned: Sequence[StageAdapter], provenance: Sequence[dict[str, Any]]) -> None:
    """Write tensors as `STAGE/NAME`; the header has each stage's peft configuration and its line of provenance."""
    weights = {f"{stage.name}/{key}": tensor for stage in learned for key, tensor in stage.tensors.items()}
    header = {
        "format": _FORMAT,
        "stages": json.dumps([[stage.name, stage.to_dict()] for stage in learned]),
        "provenance": "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in provenance),
    }
    tensors.write(path, weights, header)


def read(path: Path) -> tuple[list[StageAdapter], list[dict[str, Any]]]:
    """Read the weights that each stage has learned, and the lines of its provenance.

    Raises:
        InputError: it is no such file.
    """
    try:
        stored, header = tensors.read(path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{str(path)!r} cannot be read as a .safetensors file: {error}", code="adapter-file-unreadable"
        ) from error
    if header.get("format") != _FORMAT:
        raise InputError(
            f"{str(path)!r} was not written by `mixtune export` or `mixtune train` (its format is "
            f"{header.get('format')!r}, not {_FORMAT!r}). An adapter of peft is loaded with PeftModel.from_pretrained.",
            code="file-of-other-program",
        )
    learned = [
        StageAdapter.from_dict(name, config, tensors.below(stored, f"{name}/"))
        for name, config in json.loads(header["stages"])
    ]
    return learned, [json.loads(line) for line in header["provenance"].split("\n") if line]


def apply(model: PreTrainedModel, path: Path) -> None:
    """Let a base become what the file's run made of it.

    Raises:
        InputError: it is no such file, or one of another base.
    """
    learned, _ = read(path)
    for stage in learned:
        stage.merge_into(model)
