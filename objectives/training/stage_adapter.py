"""Adapter of a stage, separate from the base, saved as a folder that plain peft loads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import PeftConfig, PeftModel, get_peft_model_state_dict

from objectives import tensors
from objectives.training.adapter import Weights, merge, put_back

if TYPE_CHECKING:
    from transformers import PreTrainedModel

WEIGHTS = "adapter_model.safetensors"
_TIED = "tied"
"""Metadata key of the file."""


@dataclass(frozen=True, slots=True)
class StageAdapter:
    """Adapter of a stage, separate from the base."""

    name: str
    """Name of the folder: number and name of the stage."""
    config: PeftConfig
    tensors: Weights
    """Weights, on the CPU."""
    tied: Mapping[str, str] = field(default_factory=dict)
    """Name of a tied weight to the weight it shares, such as the head to the embeddings of a small model."""

    @classmethod
    def of(cls, name: str, tuned: PeftModel) -> StageAdapter:
        """Copy the current state of an adapter."""
        every = {key.replace(".default", ""): weight for key, weight in tuned.named_parameters(remove_duplicate=False)}
        trained = {key: weight for key, weight in every.items() if weight.requires_grad}
        first: dict[torch.Tensor, str] = {}
        tied = {key: first[weight] for key, weight in trained.items() if first.setdefault(weight, key) != key}
        config = copy(tuned.peft_config["default"])
        config.inference_mode = True
        tensors = {
            key: tensor.detach().to("cpu", copy=True).contiguous()
            for key, tensor in get_peft_model_state_dict(tuned, save_embedding_layers=False).items()
            if key not in tied and (config.peft_type != "LN_TUNING" or key in trained)
        }
        return cls(name, config, tensors, tied)

    @classmethod
    def load(cls, folder: Path) -> StageAdapter:
        """Load an adapter that `save` wrote."""
        stored, notes = tensors.read(folder / WEIGHTS)
        tied = json.loads(notes.get(_TIED, "{}"))
        own = {key: tensor for key, tensor in stored.items() if key not in tied}
        return cls(folder.name, PeftConfig.from_pretrained(folder), own, tied)

    @classmethod
    def from_dict(cls, name: str, config: dict[str, Any], tensors: Weights) -> StageAdapter:
        """Rebuild an adapter from the data of `to_dict` and its tensors."""
        return cls(name, PeftConfig.from_peft_type(**config), tensors)

    def to_dict(self) -> dict[str, Any]:
        """Return the peft configuration as JSON data."""
        data: dict[str, Any] = json.loads(json.dumps(self.config.to_dict(), default=sorted))  # peft uses sets
        return data

    def save(self, parent: Path, name: str | None = None) -> Path:
        """Write a PEFT folder below `parent`, named after the stage by default; return its path."""
        folder = parent / (name or self.name)
        folder.mkdir(parents=True)
        self.config.save_pretrained(folder)
        every = {**self.tensors, **{key: self.tensors[of].clone() for key, of in self.tied.items()}}  # for plain peft
        tensors.write(folder / WEIGHTS, every, {"format": "pt", _TIED: json.dumps(dict(self.tied))})
        return folder

    @property
    def trainable(self) -> int:
        """Number of weights of the adapter."""
        return sum(tensor.numel() for tensor in self.tensors.values())

    def merge_into(self, model: PreTrainedModel) -> Weights:
        """Merge the adapter into a base; return the previous values of the changed weights, by name."""
        with torch.random.fork_rng():  # peft draws initial weights that are then replaced
            return merge(model, put_back(model, self.config, self.tensors))
