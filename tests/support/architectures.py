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
    """Configuration of a small model, and the modules of its layers."""

    fields: Mapping[str, Any] = field(default_factory=lambda: _GROUPED)
    attention: frozenset[str] = frozenset({"q_proj", "k_proj", "v_proj", "o_proj"})
    mlp: frozenset[str] = frozenset({"gate_proj", "up_proj", "down_proj"})
    biases: bool = False
    kind: str | None = None
    """Model type of transformers where the name is another."""
    others: frozenset[str] = frozenset()
    """Modules in neither attention nor MLP."""
    unlike: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Layers of some module that not all layers have."""
    prefix: bool = True
    """Whether frozen layers of it can be passed over."""


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


_FOUR: dict[str, Any] = {**_GROUPED, "head_dim": 8, "num_hidden_layers": 4}
_WINDOW = {**_FOUR, "sliding_window": 8}
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_DELTA = {
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_num_key_heads": 1,
    "linear_num_value_heads": 2,
    "linear_conv_kernel_dim": 4,
}
_VISION = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "image_size": 16, "patch_size": 4}
_MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_chunk_size": 8}
_QKVO = frozenset({"q_proj", "k_proj", "v_proj", "o_proj"})
_FUSED = frozenset({"gate_up_proj", "down_proj"})

CURRENT: Mapping[str, Architecture] = {
    "llama": Architecture(_FOUR),
    "llama dynamic": Architecture(
        {**_FOUR, "rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}}, kind="llama"
    ),
    "qwen2": Architecture(_FOUR, biases=True),
    "qwen3": Architecture(_FOUR),
    "qwen3_moe": Architecture({**_FOUR, **_EXPERTS}, mlp=_FUSED),
    "qwen3_5": Architecture(
        {"text_config": {**_FOUR, **_DELTA}},
        _QKVO | {"in_proj_qkv", "in_proj_z", "in_proj_b", "in_proj_a", "out_proj"},
        biases=False,
        unlike={"self_attn.q_proj": (3,), "linear_attn.in_proj_qkv": (0, 1, 2)},
        prefix=False,
    ),
    "qwen3_next": Architecture(
        {**_FOUR, **_EXPERTS, **_DELTA, "shared_expert_intermediate_size": 16},
        _QKVO | {"in_proj_qkvz", "in_proj_ba", "out_proj"},
        _FUSED | {"gate_proj", "up_proj"},
        others=frozenset({"shared_expert_gate"}),
        unlike={"self_attn.q_proj": (3,), "linear_attn.out_proj": (0, 1, 2)},
        prefix=False,
    ),
    "mistral": Architecture(_WINDOW),
    "gemma2": Architecture(_WINDOW),
    "gemma3_text": Architecture(
        {**_WINDOW, "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"]}
    ),
    "gemma3": Architecture(
        {"text_config": _WINDOW, "vision_config": {**_VISION, "num_hidden_layers": 5}, "mm_tokens_per_image": 4}
    ),
    "gemma3n_text": Architecture(
        {
            **_WINDOW,
            "hidden_size_per_layer_input": 4,
            "vocab_size_per_layer_input": 64,
            "num_kv_shared_layers": 2,
            "laurel_rank": 4,
            "altup_num_inputs": 2,
            "activation_sparsity_pattern": [0.0] * 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
        },
        others=frozenset(
            {"prediction_coefs", "modality_router", "linear_left", "linear_right"}
            | {"per_layer_input_gate", "per_layer_projection"}
        ),
        unlike={"self_attn.k_proj": (0, 1)},
        prefix=False,
    ),
    "gemma4_text": Architecture(
        {
            **_WINDOW,
            "hidden_size_per_layer_input": 4,
            "vocab_size_per_layer_input": 64,
            "num_kv_shared_layers": 0,
            "global_head_dim": 16,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
        },
        others=frozenset({"per_layer_input_gate", "per_layer_projection"}),
    ),
    "phi3": Architecture(
        {
            **_FOUR,
            "original_max_position_embeddings": 16,
            "rope_parameters": {"rope_type": "longrope", "rope_theta": 10000.0, "factor": 4.0}
            | {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4},
        },
        frozenset({"qkv_proj", "o_proj"}),
        _FUSED,
        prefix=False,
    ),
    "gpt2": ARCHITECTURES["gpt2"],
    "gpt_neox": ARCHITECTURES["gpt_neox"],
    "opt": ARCHITECTURES["opt"],
    "gpt_oss": Architecture(
        {**_WINDOW, "num_local_experts": 4, "num_experts_per_tok": 2}
        | {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}},
        mlp=_FUSED,
        biases=True,
    ),
    "olmo3": Architecture(_WINDOW),
    "deepseek_v3": Architecture(
        {
            **{key: value for key, value in _FOUR.items() if key != "head_dim"},
            "num_key_value_heads": 2,
            "moe_intermediate_size": 16,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_group": 1,
            "topk_group": 1,
            "n_shared_experts": 1,
            "first_k_dense_replace": 1,
            "q_lora_rank": 8,
            "kv_lora_rank": 8,
            "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 4,
            "v_head_dim": 8,
        },
        frozenset({"q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj", "o_proj"}),
        _FUSED | {"gate_proj", "up_proj"},
        unlike={"mlp.gate_proj": (0,), "mlp.experts.down_proj": (1, 2, 3)},
    ),
    "lfm2": Architecture(
        {
            **_FOUR,
            "layer_types": ["conv", "full_attention", "conv", "full_attention"],
            "block_auto_adjust_ff_dim": False,
        },
        frozenset({"q_proj", "k_proj", "v_proj", "out_proj"}),
        frozenset({"w1", "w2", "w3"}),
        others=frozenset({"in_proj"}),
        unlike={"self_attn.out_proj": (1, 3), "conv.out_proj": (0, 2)},
        prefix=False,
    ),
    "granitemoehybrid": Architecture(
        {
            **_FOUR,
            **_MAMBA,
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            "shared_intermediate_size": 16,
            "layer_types": ["mamba", "attention", "mamba", "attention"],
        },
        mlp=_FUSED | {"input_linear", "output_linear"},
        others=frozenset({"in_proj"}),
        unlike={"self_attn.q_proj": (1, 3), "mamba.in_proj": (0, 2), "mamba.out_proj": (0, 2)},
        prefix=False,
    ),
    "mamba2": Architecture(
        {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 4, "num_heads": 4, "head_dim": 8, "state_size": 8}
        | {"n_groups": 1, "chunk_size": 8, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0},
        frozenset(),
        frozenset(),
        others=frozenset({"in_proj"}),
        prefix=False,
    ),
}
"""Current architectures and old ones with their peculiarities, each with a tiny window or switch where it has one."""


def random_model(kind: str, seed: int = 0, **fields: int) -> PreTrainedModel:
    """The same small frozen model whenever asked."""
    return _random(ARCHITECTURES[kind], kind, seed, **fields)


def current_model(name: str) -> PreTrainedModel:
    """A small frozen model of `CURRENT`, with weights so large that every part of it counts."""
    import torch

    model = _random(CURRENT[name], name, 0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(4)
            else:  # scales of zero would shut parts off
                weight.add_(0.1 * torch.randn_like(weight))
    return model


def _random(architecture: Architecture, name: str, seed: int, **fields: int) -> PreTrainedModel:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(seed)
    config = AutoConfig.for_model(architecture.kind or name, **{**architecture.fields, **fields})
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
    return model.requires_grad_(requires_grad=False)
