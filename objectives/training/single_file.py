"""Single-file format for the adapters of all stages of a run."""

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


def write(path: Path, adapters: Sequence[StageAdapter], provenance: Sequence[dict[str, Any]]) -> None:
    """Write tensors as `STAGE/NAME`; the header has the peft configuration and the provenance of each stage."""
    weights = {f"{stage.name}/{key}": tensor for stage in adapters for key, tensor in stage.tensors.items()}
    header = {
        "format": _FORMAT,
        "stages": json.dumps([[stage.name, stage.to_dict()] for stage in adapters]),
        "provenance": "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in provenance),
    }
    tensors.write(path, weights, header)


def read(path: Path) -> tuple[list[StageAdapter], list[dict[str, Any]]]:
    """Read the adapters of all stages and their provenance.

    Raises:
        InputError: the file is not in the format of `write`.
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
            f"{header.get('format')!r}, not {_FORMAT!r}). Load a peft adapter with PeftModel.from_pretrained.",
            code="file-of-other-program",
        )
    adapters = [
        StageAdapter.from_dict(name, config, tensors.below(stored, f"{name}/"))
        for name, config in json.loads(header["stages"])
    ]
    return adapters, [json.loads(line) for line in header["provenance"].split("\n") if line]


def apply(model: PreTrainedModel, path: Path) -> None:
    """Merge the stages in a file into a base.

    Raises:
        InputError: the file is not in the format of `write`.
        MixtuneError: the file was written for another base.
    """
    adapters, _ = read(path)
    for stage in adapters:
        stage.merge_into(model)
