"""The structure of a model: its language model, its layers, and the weights of each layer that can be trained."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig
from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers
from transformers.pytorch_utils import Conv1D

from spaces import InputError, Layout, MixtuneError, Module

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
_READ = re.compile(r"self\.(\w+)\.weight(?!\w|\[|\.(?:dtype|device|shape|data)\b)")
"""Matches, in the code of a module, a submodule whose weight is read directly; reading its type or size does not
count."""
_UNKNOWN_CONTEXT = 2048
"""Context, in tokens, of models whose configuration gives no limit, such as Bloom and Mamba."""


def layout_of(model: PreTrainedModel, name: str) -> Layout:
    """Return the layers and linear modules of a model's language model.

    Args:
        model: a causal language model, alone or inside a multimodal model; it may be on the meta device.
        name: name of the base in the study file.

    Raises:
        InputError: the model has no list of layers, or no linear modules in the layers for LoRA to adapt.
    """
    path, blocks = find_blocks(model)
    renamed = renamed_by_peft(model)
    modules = tuple(_modules(path, blocks, renamed))
    if not any(not module.bypassed for module in modules):
        raise InputError(
            f"The base {name!r} has no linear modules in {path!r}, so LoRA cannot be used on it.",
            code="no-linear-modules",
        )
    _refuse_shared(blocks, name)
    copied = [list(replaceable(block)) for block in blocks]
    return Layout(
        name,
        len(blocks),
        modules,
        context_of(model.config),
        all_weights=_number(weight for _, module in language_modules(model) for weight in module.parameters()),
        weights=tuple(_number(w for _, module in layer for w in module.parameters()) for layer in copied),
        norm_weights=tuple(
            _number(w for _, module in layer if is_norm(module) for w in module.parameters()) for layer in copied
        ),
        biases=tuple(
            _number(w for _, module in layer for key, w in module.named_parameters() if is_bias(key))
            for layer in copied
        ),
        fixed=tuple(dict.fromkeys(key for block in blocks for key in _fixed(block))),
        checkpoints=bool(model.supports_gradient_checkpointing),
    )


def _refuse_shared(blocks: torch.nn.ModuleList, name: str) -> None:
    """Check that every layer has its own weights, so that an adapter belongs to one layer.

    Raises:
        InputError: two layers share a weight, as in Zamba2.
    """
    owner: dict[int, int] = {}
    for number, block in enumerate(blocks):
        for path, weight in block.named_parameters():
            other = owner.setdefault(id(weight), number)
            if other != number:
                raise InputError(
                    f"The layers {other} and {number} of the base {name!r} share the weight {path!r}, so that "
                    "training one layer would change the other. Use a base whose layers do not share weights.",
                    code="layers-share-weights",
                )


def find_blocks(model: torch.nn.Module) -> tuple[str, torch.nn.ModuleList]:
    """Return the list of the language model's layers and its path in the whole, possibly multimodal, model.

    Raises:
        InputError: the model has no list with as many layers as its configuration says.
    """
    text = text_config(model.config) if hasattr(model, "config") else None
    layers = getattr(text, "num_hidden_layers", None)
    inside = _decoder_prefix(model)
    lists = [
        (path, module)
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == layers and path.startswith(inside)
    ]
    if not lists:
        raise InputError(
            f"A base of type {type(model).__name__} has no list of the {layers} layers that its config.json gives, "
            "so layers cannot be chosen. Use a base whose layers transformers keeps in one list, such as Llama, Qwen, "
            "Gemma and most others.",
            code="no-list-of-layers",
        )
    return min(lists, key=lambda item: item[0].count("."))  # a layer may have a list of as many experts


def _decoder_prefix(model: torch.nn.Module) -> str:
    """Return the common prefix of the names of the language model's modules; empty if it is the whole model."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model  # type: ignore[operator]
    return next((f"{path}." for path, module in model.named_modules() if module is decoder and path), "")


def language_modules(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yield the paths and modules of the language model that a trained copy can replace, without other modalities."""
    inside = _decoder_prefix(model)
    multimodal = hasattr(model, "config") and text_config(model.config) is not model.config
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None  # type: ignore[operator]
    for path, module in replaceable(model):
        if not multimodal or path.startswith(inside) or module is head:
            yield path, module


def replaceable(part: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yield the paths and modules of leaves that are used only by calling them, so that a copy can replace them."""
    for path, module in part.named_modules():
        if not list(module.children()) and list(module.parameters()) and not _is_bypassed(part, path):
            yield path, module


def _is_bypassed(part: torch.nn.Module, path: str) -> bool:
    """Whether the parent of a module reads the module's weight without calling it, at least in some kernel.

    Fused kernels of Mamba mixers use the weights of the output projection, the norm and the convolution; convolutions
    of any layer are computed from their weights when there is a cache; Gemma 3n clips some weights before it multiplies
    by them. No attribute says so, but the source code of the parent does.
    """
    parent_path, _, name = path.rpartition(".")
    parent, module = part.get_submodule(parent_path), part.get_submodule(path)
    if isinstance(module, _CONVOLUTIONS):
        return True
    return bool(path) and name in _bypassed_in(type(parent))  # type: ignore[arg-type]  # mypy finds classes unhashable


@cache
def _bypassed_in(kind: type[torch.nn.Module]) -> frozenset[str]:
    """Names of the submodules whose weights the code of a module class reads directly."""
    try:
        return frozenset(_READ.findall(inspect.getsource(kind)))
    except (OSError, TypeError):  # a class without a source file
        return frozenset()


def _fixed(block: torch.nn.Module) -> Iterator[str]:
    """Yield the names of a layer's weights that no copy can replace."""
    copied = {f"{path}.{key}" for path, module in replaceable(block) for key, _ in module.named_parameters()}
    yield from (key for key, _ in block.named_parameters() if key not in copied)


def renamed_by_peft(model: torch.nn.Module) -> frozenset[str]:
    """Return the full paths of linear modules that peft mistakes for fused experts and would not find.

    For models whose experts transformers has fused, peft converts every target that ends with `gate_proj`, `up_proj` or
    `down_proj` to those experts, although shared experts and dense layers still have modules of these names. Their
    weights can be targeted as parameters.
    """
    linear = [path for path, module in model.named_modules() if is_linear(module)]
    names = {name for name in {path.rpartition(".")[2] for path in linear} if _is_renamed(name, model)}
    return frozenset(path for path in linear if path.rpartition(".")[2] in names)


def _is_renamed(name: str, model: torch.nn.Module) -> bool:
    """Whether peft converts a target name to another one; for one half of a fused weight, the conversion fails."""
    config = LoraConfig(target_modules=[name])
    try:
        convert_peft_config_for_transformers(config, model, None)
    except ValueError:
        return True
    return name not in config.target_modules


def _modules(path: str, blocks: torch.nn.ModuleList, renamed: Collection[str]) -> Iterator[Module]:
    """Yield every linear module and every parameter of experts, once for each shape, with the layers that have it."""
    layers: dict[Module, list[int]] = defaultdict(list)
    for number, block in enumerate(blocks):
        for inner, module in block.named_modules():
            if is_linear(module):
                as_parameter = f"{path}.{number}.{inner}" in renamed
                bypassed = _is_bypassed(block, inner) or _overrides_forward(module)
                linear = Module(inner, *linear_shape(module), as_parameter=as_parameter, bypassed=bypassed)
                layers[linear].append(number)
            for key, weight in expert_weights(module):
                experts, outputs, inputs = weight.shape
                if getattr(module, "is_transposed", False):
                    inputs, outputs = outputs, inputs
                layers[Module(f"{inner}.{key}", inputs, outputs, experts=experts, as_parameter=True)].append(number)
    for described, numbers in layers.items():
        yield replace(described, layers=None if len(numbers) == len(blocks) else tuple(numbers))


def _overrides_forward(module: torch.nn.Module) -> bool:
    """Whether a linear module returns something other than the matrix product, as Phi-MoE's router does."""
    return isinstance(module, torch.nn.Linear) and type(module).forward is not torch.nn.Linear.forward


def expert_weights(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Yield the names and parameters of a module that stack the matrices of all experts, shape (experts, .., ..)."""
    if "expert" in type(module).__name__.lower():
        yield from ((key, w) for key, w in module.named_parameters(recurse=False) if w.ndim == 3)


def text_config(config: Any) -> Any:
    """Return the configuration of the language model, which a multimodal configuration contains."""
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def context_of(config: Any) -> int:
    """Return the context of a base, in tokens; 2048 if its configuration gives none, as Bloom's."""
    return int(getattr(text_config(config), "max_position_embeddings", None) or _UNKNOWN_CONTEXT)


def short_limit(config: Any) -> int | None:
    """Longest sequence, in tokens, that is read with the rotary frequencies for short sequences; None if all are.

    With `longrope` (Ding et al., 2024, arXiv 2402.13753) the longest sequence of a batch decides for the whole batch.
    The frequencies of `dynamic` change only beyond the context, which no sequence here exceeds.
    """
    text = text_config(config)
    rope = getattr(text, "rope_parameters", None) or {}
    longropes = [
        entry for entry in (rope, *rope.values()) if isinstance(entry, dict) and entry.get("rope_type") == "longrope"
    ]
    original = getattr(text, "original_max_position_embeddings", None)
    limits = [
        int(entry.get("original_max_position_embeddings") or original or context_of(config)) for entry in longropes
    ]
    return min(limits, default=None)


def is_linear(module: torch.nn.Module) -> bool:
    """Whether a module multiplies by a matrix."""
    return isinstance(module, torch.nn.Linear | Conv1D)


def is_norm(module: torch.nn.Module) -> bool:
    """Whether a module is a norm of any kind, by the name of its class."""
    return "norm" in type(module).__name__.lower()


def is_bias(name: str) -> bool:
    """Whether a weight with this name is a bias; those of experts are called `down_proj_bias`."""
    return name.endswith("bias")


def linear_shape(module: torch.nn.Module) -> tuple[int, int]:
    """Number of inputs and of outputs of a linear module; transformers' Conv1D stores its weight transposed."""
    if isinstance(module, torch.nn.Linear):
        return module.in_features, module.out_features  # a weight in 4 bits has another shape
    weight = module.weight
    if not isinstance(weight, torch.Tensor):
        raise MixtuneError(f"{type(module).__name__} has no weight matrix.", code="no-weight-matrix")
    rows, columns = weight.shape
    return rows, columns


def _number(weights: Iterator[torch.nn.Parameter]) -> int:
    """Number of weights; a shared weight counts once."""
    return sum(weight.numel() for weight in {id(weight): weight for weight in weights}.values())
