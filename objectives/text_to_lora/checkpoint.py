"""Checkpoint of a trained hypernetwork: metadata in `hypernet.json`, weights in `hypernet.safetensors`."""

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

METADATA_FILE = "hypernet.json"
_WEIGHTS = "hypernet.safetensors"
_FORMAT = "mixtune hypernetwork 1"
_FIELDS = ("base", "base_hash", "precision", "encoder", "chunk", "most_chunks", "whole_texts")
_NETWORK_FIELDS = ("format", "encoding", "target", "shape", "versions")
_PACKAGES = ("mixtune", "torch", "transformers", "peft")


@dataclass(frozen=True, slots=True)
class HypernetCheckpoint:
    """Hypernetwork with everything needed to use it."""

    network: HyperNetwork
    base: str
    """Name of the base, as given by the user."""
    base_hash: str
    """Digest of the identity of the base."""
    precision: str
    """Precision of the base, see `HubBase.model`."""
    encoder: str
    names: tuple[str, ...]
    """Names of the tasks or texts that the network was trained on."""
    chunk: int
    """Length of a chunk that is encoded at once, in tokens."""
    most_chunks: int
    """Maximum number of chunks of a text."""
    whole_texts: bool
    """Whether a text is encoded as one description, see `Reader`."""
    origin: dict[str, Any] = field(default_factory=dict)
    """How the network was trained, and how well it performs."""

    def was_trained_on(self, base: BaseIdentity) -> bool:
        """Whether a base is the one that the network was trained on; older versions did not read special tokens."""
        return self.base_hash == base.digest or (self.base_hash == base.files and base.prefix == "")

    def save(self, folder: Path) -> None:
        """Write both files, the metadata last."""
        tensors.write(folder / _WEIGHTS, self.network.state_dict(), {"format": "pt"})
        metadata = {
            "format": _FORMAT,
            **{name: getattr(self, name) for name in _FIELDS},
            "names": list(self.names),
            "encoding": self.network.encoding,
            "target": self.network.target.to_dict(),
            "shape": self.network.shape.to_dict(),
            "versions": versions(_PACKAGES),
            **self.origin,
        }
        write_text(folder / METADATA_FILE, json.dumps(metadata, indent=2, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, folder: Path) -> HypernetCheckpoint:
        """Load a hypernetwork that `save` wrote.

        Raises:
            InputError: the folder does not hold a readable hypernetwork.
        """
        try:
            metadata = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
            if metadata["format"] != _FORMAT:
                raise ValueError(f"its format is {metadata['format']!r}, not {_FORMAT!r}")
            network = HyperNetwork(
                Target.from_dict(metadata["target"]), metadata["encoding"], Shape(**metadata["shape"]), seed=0
            )
            network.load_state_dict(tensors.read(folder / _WEIGHTS)[0])
            fields = {key: metadata.pop(key) for key in _FIELDS} | {"names": tuple(metadata.pop("names"))}
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise InputError(
                f"{str(folder)!r} holds no readable hypernetwork ({error}). Create one with `mixtune t2l train`.",
                code="hypernetwork-unreadable",
            ) from error
        return cls(
            network, **fields, origin={key: value for key, value in metadata.items() if key not in _NETWORK_FIELDS}
        )
