"""Adding the adapter of a stage to a base, merging it, and removing it."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING

import torch
from peft import PeftModel, get_peft_model, set_peft_model_state_dict
from peft.tuners.ln_tuning.layer import LNTuningLayer

from objectives.acceleration.fused_lora import fuse_lora
from objectives.bases.hub import reinitialized
from objectives.training.site import Site
from spaces import MixtuneError, Stage
from spaces.errors import listed
from spaces.methods import METHODS

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel

Weights = dict[str, torch.Tensor]
"""Parameter name in the base to values."""


@contextmanager
def adapted(model: PreTrainedModel, stage: Stage, seed: int) -> Iterator[PeftModel]:
    """Yield the base with a new adapter on the stage's modules and layers; restore the base on exit.

    Raises:
        MixtuneError: peft adapted modules other than those of the stage.
    """
    tuned = put_on(model, stage, seed)
    try:
        yield tuned
    finally:
        take_off(model, tuned)


def put_on(model: PreTrainedModel, stage: Stage, seed: int) -> PeftModel:
    """Add a new adapter to the stage's modules and layers.

    Initial weights and dropout of the adapter come from torch's global generator, because peft accepts no other; this
    function seeds that generator.

    Raises:
        MixtuneError: peft adapted modules other than those of the stage; the base is unchanged.
    """
    method = METHODS[stage.tuning.method]
    config = method.config(stage.tuning, Site.of(model, stage))
    expected = _target_paths(config)
    if not expected:
        raise MixtuneError(
            f"The chosen layers have nothing that {stage.tuning.method} can train: no module of "
            f"{listed(stage.tuning.targets)}. Choose other layers or other targets.",
            code="adapter-on-nothing",
        )
    config.exclude_modules = _excluded_paths(model, expected) or None
    torch.manual_seed(seed)
    tuned = _add_adapter(model, config)
    actual = {*tuned.base_model.targeted_module_names, *tuned.base_model.targeted_parameter_names}
    if actual != expected:
        take_off(model, tuned)
        raise MixtuneError(
            f"The adapter must cover {len(expected)} modules of the chosen layers, but peft adapted {len(actual)}. "
            f"The difference: {listed(sorted(actual ^ expected))}.",
            code="adapter-misplaced",
        )
    fuse_lora(tuned)
    for layer in _copied_layers(tuned):
        _share_untrained(layer, stage.tuning.method)
    if method.whole:
        _reinitialize(tuned, reinitialized(model, seed))
    return tuned


def put_back(model: PreTrainedModel, config: PeftConfig, tensors: Mapping[str, torch.Tensor]) -> PeftModel:
    """Add an adapter that is already trained.

    Raises:
        MixtuneError: the adapter was trained on another base; this base is unchanged.
    """
    try:
        tuned = _add_adapter(model, config)
    except ValueError as error:
        raise MixtuneError(
            f"The adapter was trained on a base other than this {type(model).__name__}: {error}",
            code="adapter-of-other-base",
        ) from error
    try:
        loaded = set_peft_model_state_dict(tuned, dict(tensors))
    except RuntimeError as error:  # other sizes
        take_off(model, tuned)
        raise MixtuneError(
            f"The adapter was trained on a base of another size: {error}", code="adapter-of-other-size"
        ) from error
    if loaded.unexpected_keys:
        take_off(model, tuned)
        raise MixtuneError(
            f"The adapter was trained on another base: it has weights for {loaded.unexpected_keys[0]!r}, which this "
            "base does not have. Name the base that the adapter was trained on.",
            code="adapter-of-other-base",
        )
    return tuned


def take_off(model: PreTrainedModel, tuned: PeftModel) -> None:
    """Remove an adapter and restore the base."""
    _unwrap_copies(tuned, copies=False)
    tuned.unload()
    _freeze(model)


def merge(model: PreTrainedModel, tuned: PeftModel) -> Weights:
    """Merge an adapter into the base; return the previous values of the changed weights, by name."""
    before = {name: weight.detach().to("cpu", copy=True) for name, weight in _merged_weights(tuned)}
    _unwrap_copies(tuned, copies=True)
    tuned.merge_and_unload()
    _freeze(model)
    return {name: old for name, old in before.items() if not torch.equal(model.get_parameter(name).cpu(), old)}


def restore(model: PreTrainedModel, before: Mapping[str, torch.Tensor]) -> None:
    """Restore weights, bit for bit."""
    with torch.no_grad():
        for name, values in before.items():
            model.get_parameter(name).copy_(values)


def trainable(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Return the weights that training changes."""
    return [weight for weight in model.parameters() if weight.requires_grad]


def _target_paths(config: PeftConfig) -> frozenset[str]:
    """Return the full paths of the modules and parameters that a configuration names."""
    return frozenset([*config.target_modules, *(getattr(config, "target_parameters", None) or ())])


def _excluded_paths(model: torch.nn.Module, targets: Collection[str]) -> list[str]:
    """Return non-target modules whose path ends like a target's, as in a vision tower; peft would match them."""
    ends = ((path, path[position + 1 :]) for path, _ in model.named_modules() for position in _dot_positions(path))
    return sorted({path for path, end in ends if end in targets and path not in targets})


def _dot_positions(path: str) -> Iterator[int]:
    return (position for position, character in enumerate(path) if character == ".")


def _add_adapter(model: PreTrainedModel, config: PeftConfig) -> PeftModel:
    config = copy(config)
    config.base_model_name_or_path = None  # peft sets the path; a stored one may be outdated
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unsupported layer type", UserWarning)  # norms have no input and output size
        warnings.filterwarnings("ignore", ".*tie_word_embeddings", UserWarning)  # copies are tied below
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)  # peft asks by the old name
        tuned = get_peft_model(model, config)
    if not isinstance(tuned, PeftModel):
        raise MixtuneError(f"peft returned a {type(tuned).__name__} instead of a PeftModel.", code="no-peft-model")
    _tie(_copied_layers(tuned))
    return tuned


def _unwrap_copies(tuned: PeftModel, *, copies: bool) -> None:
    """Replace peft's wrappers by the trained copies or the originals; peft fails on modules without a `weight`."""
    inner = tuned.get_base_model()
    for path in tuned.base_model.targeted_module_names:
        layer = inner.get_submodule(path)
        if isinstance(layer, LNTuningLayer):
            inner.set_submodule(path, layer.ln_tuning_layers["default"] if copies else layer.get_base_layer())


def _freeze(model: PreTrainedModel) -> None:
    model.requires_grad_(requires_grad=False)
    model.eval()


def _merged_weights(tuned: PeftModel) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Yield the names and weights of the base that merging changes."""
    inner = tuned.get_base_model()
    for path in tuned.base_model.targeted_module_names:
        layer = inner.get_submodule(path)
        copy = layer.ln_tuning_layers["default"] if isinstance(layer, LNTuningLayer) else None
        for name, weight in layer.get_base_layer().named_parameters():
            if copy is None or copy.get_parameter(name) is not weight:
                yield f"{path}.{name}", weight
    for path in tuned.base_model.targeted_parameter_names:
        module, _, name = path.rpartition(".")
        yield path, inner.get_submodule(module).get_base_layer().get_parameter(name)


def _copied_layers(tuned: PeftModel) -> list[LNTuningLayer]:
    return [module for module in tuned.modules() if isinstance(module, LNTuningLayer)]


def _tie(copied: list[LNTuningLayer]) -> None:
    """Tie the weights of copies whose originals are tied, such as embeddings and head of a small model."""
    first: dict[torch.Tensor, torch.nn.Parameter] = {}
    for layer in copied:
        copy = layer.ln_tuning_layers["default"]
        for name, weight in layer.get_base_layer().named_parameters():
            setattr(copy, name, first.setdefault(weight, copy.get_parameter(name)))


def _reinitialize(tuned: PeftModel, source: PreTrainedModel) -> None:
    """Copy the weights of another model of the same shape into the trained copies."""
    with torch.no_grad():
        for path in tuned.base_model.targeted_module_names:
            copy = tuned.get_base_model().get_submodule(path).ln_tuning_layers["default"]
            for name, weight in source.get_submodule(path).named_parameters():
                copy.get_parameter(name).copy_(weight)


def _share_untrained(layer: LNTuningLayer, method: str) -> None:
    """Share weights that the method does not train with the base, which saves memory, gradients and disk space."""
    copy, base = layer.ln_tuning_layers["default"], layer.get_base_layer()
    for name, weight in base.named_parameters():
        if not METHODS[method].trains(name):
            setattr(copy, name, weight)
