"""What a loaded model is made of: its language model, the layers in it, and the weights of each that can be trained."""

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
"""In the code of a module, a part whose weight it takes for itself; asking for its type or size is no reading."""
_UNKNOWN_CONTEXT = 2048
"""Tokens, for models without a limit, such as Bloom's and Mamba's."""


def layout_of(model: PreTrainedModel, name: str) -> Layout:
    """The layers and linear modules of a model's language model; it may lie on the meta device.

    Args:
        model: a causal language model, alone or inside a model for images and sound.
        name: of the base, as the study file has it.

    Raises:
        InputError: it has no list of layers, or nothing in them that LoRA could sit on.
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
        weights=tuple(_number(w for _, module in found for w in module.parameters()) for found in copied),
        norm_weights=tuple(
            _number(w for _, module in found if is_norm(module) for w in module.parameters()) for found in copied
        ),
        biases=tuple(
            _number(w for _, module in found for key, w in module.named_parameters() if is_bias(key))
            for found in copied
        ),
        fixed=tuple(dict.fromkeys(key for block in blocks for key in _fixed(block))),
        checkpoints=bool(model.supports_gradient_checkpointing),
    )


def _refuse_shared(blocks: torch.nn.ModuleList, name: str) -> None:
    """See that every layer has weights of its own, so that an adapter belongs to one layer.

    Raises:
        InputError: two layers share a weight, as Zamba2's do.
    """
    owner: dict[int, int] = {}
    for number, block in enumerate(blocks):
        for path, weight in block.named_parameters():
            other = owner.setdefault(id(weight), number)
            if other != number:
                raise InputError(
                    f"The layers {other} and {number} of the base {name!r} share the weight {path!r}, so that "
                    "training one layer would change the other. Take a base whose layers have weights of their own.",
                    code="layers-share-weights",
                )


def find_blocks(model: torch.nn.Module) -> tuple[str, torch.nn.ModuleList]:
    """The list of the language model's layers and its path in the whole model, whatever towers stand beside it.

    Raises:
        InputError: the model has no list of so many layers as its configuration says.
    """
    text = text_config(model.config) if hasattr(model, "config") else None
    layers = getattr(text, "num_hidden_layers", None)
    inside = _decoder_prefix(model)
    found = [
        (path, module)
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == layers and path.startswith(inside)
    ]
    if not found:
        raise InputError(
            f"A base of type {type(model).__name__} has no list of the {layers} layers that its config.json tells of, "
            "so layers cannot be chosen. Take a base whose layers transformers keeps in one list, as it does for "
            "Llama, Qwen, Gemma and most others.",
            code="no-list-of-layers",
        )
    return min(found, key=lambda item: item[0].count("."))  # experts may be lists of as many within a layer


def _decoder_prefix(model: torch.nn.Module) -> str:
    """Return the beginning of the names of all modules in the language model; nothing where it is the whole model."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else model  # type: ignore[operator]
    return next((f"{path}." for path, module in model.named_modules() if module is decoder and path), "")


def language_modules(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Paths and modules of the language model that a trained copy can replace, without towers for images and sound."""
    inside = _decoder_prefix(model)
    multimodal = hasattr(model, "config") and text_config(model.config) is not model.config
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None  # type: ignore[operator]
    for path, module in replaceable(model):
        if not multimodal or path.startswith(inside) or module is head:
            yield path, module


def replaceable(part: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Paths and modules without parts that act when they are called, so that a trained copy can take their place."""
    for path, module in part.named_modules():
        if not list(module.children()) and list(module.parameters()) and not _is_bypassed(part, path):
            yield path, module


def _is_bypassed(part: torch.nn.Module, path: str) -> bool:
    """Whether the module around it reads its weight without calling it, at least in some kernel.

    Fused kernels of Mamba mixers take the weights of the output projection, the norm and the convolution; convolutions
    of any layer are computed from their weights once there is a cache; Gemma 3n clips some before it multiplies by
    them. No property tells, but the code of the module around does.
    """
    parent, _, name = path.rpartition(".")
    around, module = part.get_submodule(parent), part.get_submodule(path)
    if isinstance(module, _CONVOLUTIONS):
        return True
    return bool(path) and name in _read_past(type(around))  # type: ignore[arg-type]  # mypy finds classes unhashable


@cache
def _read_past(kind: type[torch.nn.Module]) -> frozenset[str]:
    """Parts whose weights the code of a module reads past them."""
    try:
        return frozenset(_READ.findall(inspect.getsource(kind)))
    except (OSError, TypeError):  # made on the fly
        return frozenset()


def _fixed(block: torch.nn.Module) -> Iterator[str]:
    """Weights of a layer that no copy can replace."""
    copied = {f"{path}.{key}" for path, module in replaceable(block) for key, _ in module.named_parameters()}
    yield from (key for key, _ in block.named_parameters() if key not in copied)


def renamed_by_peft(model: torch.nn.Module) -> frozenset[str]:
    """Full paths of linear modules that peft takes for experts of an old file and would look for elsewhere.

    For models whose experts transformers has fused, peft reads every target that ends with `gate_proj`, `up_proj` or
    `down_proj` as those experts, although shared experts and dense layers still have modules of these names. Their
    weights can be reached as parameters.
    """
    linear = [path for path, module in model.named_modules() if is_linear(module)]
    names = {name for name in {path.rpartition(".")[2] for path in linear} if _is_renamed(name, model)}
    return frozenset(path for path in linear if path.rpartition(".")[2] in names)


def _is_renamed(name: str, model: torch.nn.Module) -> bool:
    """Whether peft looks elsewhere for modules of a name; it fails at one half of what experts have fused."""
    config = LoraConfig(target_modules=[name])
    try:
        convert_peft_config_for_transformers(config, model, None)
    except ValueError:
        return True
    return name not in config.target_modules


def _modules(path: str, blocks: torch.nn.ModuleList, renamed: Collection[str]) -> Iterator[Module]:
    """Every linear module and every parameter of experts, once for each pair of sizes, with the layers that have it."""
    layers: dict[Module, list[int]] = defaultdict(list)
    for number, block in enumerate(blocks):
        for inner, module in block.named_modules():
            if is_linear(module):
                as_parameter = f"{path}.{number}.{inner}" in renamed
                bypassed = _is_bypassed(block, inner) or _has_own_way(module)
                found = Module(inner, *linear_shape(module), as_parameter=as_parameter, bypassed=bypassed)
                layers[found].append(number)
            for key, weight in expert_weights(module):
                experts, outputs, inputs = weight.shape
                if getattr(module, "is_transposed", False):
                    inputs, outputs = outputs, inputs
                layers[Module(f"{inner}.{key}", inputs, outputs, experts=experts, as_parameter=True)].append(number)
    for found, numbers in layers.items():
        yield replace(found, layers=None if len(numbers) == len(blocks) else tuple(numbers))


def _has_own_way(module: torch.nn.Module) -> bool:
    """Whether a linear module gives something else than a product, as Phi-MoE's router does."""
    return isinstance(module, torch.nn.Linear) and type(module).forward is not torch.nn.Linear.forward


def expert_weights(module: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Names and parameters of a module in which all experts keep their matrices, shape (experts, .., ..)."""
    if "expert" in type(module).__name__.lower():
        yield from ((key, w) for key, w in module.named_parameters(recurse=False) if w.ndim == 3)


def text_config(config: Any) -> Any:
    """The configuration of the language model, which multimodal ones keep inside their own."""
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def context_of(config: Any) -> int:
    """The longest sequence of a base, in tokens; 2048 where its configuration has none, as Bloom's."""
    return int(getattr(text_config(config), "max_position_embeddings", None) or _UNKNOWN_CONTEXT)


def short_limit(config: Any) -> int | None:
    """Longest sequence, in tokens, that is read with the rotary frequencies of short ones; None where all are alike.

    With `longrope` (Ding et al., 2024, arXiv 2402.13753) the longest sequence of a batch decides for all of it. The
    frequencies of `dynamic` change beyond the context alone, which no sequence here exceeds.
    """
    text = text_config(config)
    given = getattr(text, "rope_parameters", None) or {}
    found = [
        each for each in (given, *given.values()) if isinstance(each, dict) and each.get("rope_type") == "longrope"
    ]
    original = getattr(text, "original_max_position_embeddings", None)
    limits = [int(each.get("original_max_position_embeddings") or original or context_of(config)) for each in found]
    return min(limits, default=None)


def is_linear(module: torch.nn.Module) -> bool:
    """Whether a module multiplies by a matrix."""
    return isinstance(module, torch.nn.Linear | Conv1D)


def is_norm(module: torch.nn.Module) -> bool:
    """Whether a module is a norm of any kind, which only its class tells."""
    return "norm" in type(module).__name__.lower()


def is_bias(name: str) -> bool:
    """Whether a weight of that name is a bias; experts keep theirs as `down_proj_bias`."""
    return name.endswith("bias")


def linear_shape(module: torch.nn.Module) -> tuple[int, int]:
    """Inputs and outputs of a linear module; transformers' Conv1D stores its weight transposed."""
    if isinstance(module, torch.nn.Linear):
        return module.in_features, module.out_features  # a weight in 4 bits has another shape
    weight = module.weight
    if not isinstance(weight, torch.Tensor):
        raise MixtuneError(f"{type(module).__name__} has no weight matrix.", code="no-weight-matrix")
    rows, columns = weight.shape
    return rows, columns


def _number(weights: Iterator[torch.nn.Parameter]) -> int:
    """Number of weights, each counted once however often it is shared."""
    return sum(weight.numel() for weight in {id(weight): weight for weight in weights}.values())
