"""Small random models of every architecture whose layout is tested."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_SMALL: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
_GROUPED = {**_SMALL, "num_key_value_heads": 1}


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a small model of it is made from, and which modules its layers have."""

    fields: Mapping[str, Any] = field(default_factory=lambda: _GROUPED)
    attention: frozenset[str] = frozenset({"q_proj", "k_proj", "v_proj", "o_proj"})
    mlp: frozenset[str] = frozenset({"gate_proj", "up_proj", "down_proj"})
    biases: bool = False


ARCHITECTURES: Mapping[str, Architecture] = {
    "llama": Architecture(),
    "qwen2": Architecture(biases=True),
    "qwen3": Architecture({**_GROUPED, "head_dim": 8}),
    "mistral": Architecture(),
    "gemma": Architecture({**_GROUPED, "head_dim": 8}),
    "phi": Architecture(
        _SMALL, frozenset({"q_proj", "k_proj", "v_proj", "dense"}), frozenset({"fc1", "fc2"}), biases=True
    ),
    "gpt2": Architecture(
        {"vocab_size": 64, "n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 64, "bos_token_id": 0}
        | {"eos_token_id": 0},
        frozenset({"c_attn", "c_proj"}),
        frozenset({"c_fc", "c_proj"}),
        biases=True,
    ),
    "gpt_neox": Architecture(
        _SMALL,
        frozenset({"query_key_value", "dense"}),
        frozenset({"dense_h_to_4h", "dense_4h_to_h"}),
        biases=True,
    ),
    "opt": Architecture(
        {**_SMALL, "ffn_dim": 32, "word_embed_proj_dim": 16},
        frozenset({"q_proj", "k_proj", "v_proj", "out_proj"}),
        frozenset({"fc1", "fc2"}),
        biases=True,
    ),
}
"""Model type of transformers to its layout."""


def random_model(kind: str, seed: int = 0, **fields: int) -> PreTrainedModel:
    """The same small frozen model whenever asked."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    config = AutoConfig.for_model(kind, **{**ARCHITECTURES[kind].fields, **fields})
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
    return model.requires_grad_(requires_grad=False)
