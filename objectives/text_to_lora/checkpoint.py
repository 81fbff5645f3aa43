"""A trained hypernetwork in a folder: `hypernet.json` says what it is, `hypernet.safetensors` has its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from objectives import tensors
from objectives.bases.identity import BaseIdentity
from objectives.text_to_lora.network import HyperNetwork, Shape
from objectives.text_to_lora.target import Target
from objectives.versions import versions
from spaces import InputError
from spaces.files import write_text

TOLD = "hypernet.json"
_WEIGHTS = "hypernet.safetensors"
_FORMAT = "mixtune hypernetwork 1"
_FIELDS = ("base", "base_hash", "precision", "encoder", "chunk", "most_chunks", "whole_texts")
_OF_THE_NETWORK = ("format", "encoding", "target", "shape", "versions")
_PACKAGES = ("mixtune", "torch", "transformers", "peft")


@dataclass(frozen=True, slots=True)
class HypernetCheckpoint:
    """A hypernetwork with all that is needed to use it."""

    network: HyperNetwork
    base: str
    """As the user named it."""
    base_hash: str
    """Digest of its identity."""
    precision: str
    """Of the base, see `HubBase.model`."""
    encoder: str
    names: tuple[str, ...]
    """Tasks or texts that it learned from."""
    chunk: int
    """Tokens of a text that are encoded together."""
    most_chunks: int
    """Of a text."""
    whole_texts: bool
    """See `Reader`."""
    origin: dict[str, Any] = field(default_factory=dict)
    """How it was trained and how good it is, for whoever reads the file."""

    def made_on(self, base: BaseIdentity) -> bool:
        """Whether a base is the one that the network was trained on; older versions read no special tokens."""
        return self.base_hash == base.digest or (self.base_hash == base.files and base.prefix == "")

    def save(self, folder: Path) -> None:
        """Write both files, the one that tells of the other last."""
        tensors.write(folder / _WEIGHTS, self.network.state_dict(), {"format": "pt"})
        told = {
            "format": _FORMAT,
            **{name: getattr(self, name) for name in _FIELDS},
            "names": list(self.names),
            "encoding": self.network.encoding,
            "target": self.network.target.to_dict(),
            "shape": self.network.shape.to_dict(),
            "versions": versions(_PACKAGES),
            **self.origin,
        }
        write_text(folder / TOLD, json.dumps(told, indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> HypernetCheckpoint:
        """The inverse of `save`.

        Raises:
            InputError: the folder holds no hypernetwork.
        """
        try:
            told = json.loads((folder / TOLD).read_text(encoding="utf-8"))
            if told["format"] != _FORMAT:
                raise ValueError(f"its format is {told['format']!r}, not {_FORMAT!r}")
            network = HyperNetwork(Target.from_dict(told["target"]), told["encoding"], Shape(**told["shape"]), seed=0)
            network.load_state_dict(tensors.read(folder / _WEIGHTS)[0])
            fields = {key: told.pop(key) for key in _FIELDS} | {"names": tuple(told.pop("names"))}
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise InputError(
                f"{str(folder)!r} holds no hypernetwork that can be read ({error}). `mixtune t2l train` makes one.",
                code="hypernetwork-unreadable",
            ) from error
        return cls(network, **fields, origin={key: value for key, value in told.items() if key not in _OF_THE_NETWORK})
