"""Putting what a stage trains on a base, and taking it off again."""

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
"""Name in the base to values."""


@contextmanager
def adapted(model: PreTrainedModel, stage: Stage, seed: int) -> Iterator[PeftModel]:
    """The base with a fresh adapter on the stage's modules and layers; on leaving, the untouched base again.

    Raises:
        MixtuneError: peft adapted other modules than the stage asks for.
    """
    tuned = put_on(model, stage, seed)
    try:
        yield tuned
    finally:
        take_off(model, tuned)


def put_on(model: PreTrainedModel, stage: Stage, seed: int) -> PeftModel:
    """A fresh adapter on the stage's modules and layers.

    Its first weights and its dropout come from torch's global generator, which peft offers no way around, so that is
    seeded here.

    Raises:
        MixtuneError: peft adapted other modules than the stage asks for; the base is untouched.
    """
    method = METHODS[stage.tuning.method]
    config = method.config(stage.tuning, Site.of(model, stage))
    expected = _places(config)
    if not expected:
        raise MixtuneError(
            f"The chosen layers have nothing that {stage.tuning.method} could train: no module of "
            f"{listed(stage.tuning.targets)}. Choose other layers or other targets.",
            code="adapter-on-nothing",
        )
    config.exclude_modules = _strays(model, expected) or None
    torch.manual_seed(seed)
    tuned = _put(model, config)
    found = {*tuned.base_model.targeted_module_names, *tuned.base_model.targeted_parameter_names}
    if found != expected:
        take_off(model, tuned)
        raise MixtuneError(
            f"The adapter must sit on {len(expected)} modules of the chosen layers, but peft put it on {len(found)}. "
            f"The difference: {listed(sorted(found ^ expected))}.",
            code="adapter-misplaced",
        )
    fuse_lora(tuned)
    for copied in _copied(tuned):
        _share_untrained(copied, stage.tuning.method)
    if method.whole:
        _reinitialize(tuned, reinitialized(model, seed))
    return tuned


def put_back(model: PreTrainedModel, config: PeftConfig, tensors: Mapping[str, torch.Tensor]) -> PeftModel:
    """An adapter that was trained before.

    Raises:
        MixtuneError: it was trained on another base; this one is untouched.
    """
    try:
        tuned = _put(model, config)
    except ValueError as error:
        raise MixtuneError(
            f"The adapter was trained on another base than this {type(model).__name__}: {error}",
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
            "one has not. Name the base that it was trained on.",
            code="adapter-of-other-base",
        )
    return tuned


def take_off(model: PreTrainedModel, tuned: PeftModel) -> None:
    """The base as it was before the adapter."""
    _put_in_place(tuned, copies=False)
    tuned.unload()
    _at_rest(model)


def merge(model: PreTrainedModel, tuned: PeftModel) -> Weights:
    """Let the adapter become part of the base; return what the weights were that it changed, by name."""
    before = {name: weight.detach().to("cpu", copy=True) for name, weight in _to_change(tuned)}
    _put_in_place(tuned, copies=True)
    tuned.merge_and_unload()
    _at_rest(model)
    return {name: old for name, old in before.items() if not torch.equal(model.get_parameter(name).cpu(), old)}


def restore(model: PreTrainedModel, before: Mapping[str, torch.Tensor]) -> None:
    """Put weights back, bit for bit."""
    with torch.no_grad():
        for name, values in before.items():
            model.get_parameter(name).copy_(values)


def trainable(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The weights that training changes."""
    return [weight for weight in model.parameters() if weight.requires_grad]


def _places(config: PeftConfig) -> frozenset[str]:
    """Full paths of the modules and parameters that a configuration names."""
    return frozenset([*config.target_modules, *(getattr(config, "target_parameters", None) or ())])


def _strays(model: torch.nn.Module, places: Collection[str]) -> list[str]:
    """Modules whose path only ends like a wanted one, in a tower for images perhaps, which peft would take as well."""
    ends = ((path, path[place + 1 :]) for path, _ in model.named_modules() for place in _dots(path))
    return sorted({path for path, end in ends if end in places and path not in places})


def _dots(path: str) -> Iterator[int]:
    return (place for place, letter in enumerate(path) if letter == ".")


def _put(model: PreTrainedModel, config: PeftConfig) -> PeftModel:
    config = copy(config)
    config.base_model_name_or_path = None  # peft sets it: the base may lie elsewhere by now
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unsupported layer type", UserWarning)  # a norm has no inputs and outputs
        warnings.filterwarnings("ignore", ".*tie_word_embeddings", UserWarning)  # copies are tied below
        tuned = get_peft_model(model, config)
    if not isinstance(tuned, PeftModel):
        raise MixtuneError(
            f"peft made a {type(tuned).__name__} of the base instead of a PeftModel.", code="no-peft-model"
        )
    _tie(_copied(tuned))
    return tuned


def _put_in_place(tuned: PeftModel, *, copies: bool) -> None:
    """Put trained copies, or their originals, where peft's wrappers are; peft fails where one has no `weight`."""
    inner = tuned.get_base_model()
    for path in tuned.base_model.targeted_module_names:
        layer = inner.get_submodule(path)
        if isinstance(layer, LNTuningLayer):
            inner.set_submodule(path, layer.ln_tuning_layers["default"] if copies else layer.get_base_layer())


def _at_rest(model: PreTrainedModel) -> None:
    model.requires_grad_(requires_grad=False)
    model.eval()


def _to_change(tuned: PeftModel) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """Names and weights of the base that merging changes."""
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


def _copied(tuned: PeftModel) -> list[LNTuningLayer]:
    return [module for module in tuned.modules() if isinstance(module, LNTuningLayer)]


def _tie(copied: list[LNTuningLayer]) -> None:
    """Let copies share the weights that their originals share, as the embeddings of a small model its head."""
    first: dict[torch.Tensor, torch.nn.Parameter] = {}
    for layer in copied:
        copy = layer.ln_tuning_layers["default"]
        for name, weight in layer.get_base_layer().named_parameters():
            setattr(copy, name, first.setdefault(weight, copy.get_parameter(name)))


def _reinitialize(tuned: PeftModel, drawn: PreTrainedModel) -> None:
    """Begin with the weights of another model of the same shape."""
    with torch.no_grad():
        for path in tuned.base_model.targeted_module_names:
            copy = tuned.get_base_model().get_submodule(path).ln_tuning_layers["default"]
            for name, weight in drawn.get_submodule(path).named_parameters():
                copy.get_parameter(name).copy_(weight)


def _share_untrained(layer: LNTuningLayer, method: str) -> None:
    """Let a copy use the base's own weight where the method does not train it: no memory, no gradient, no file."""
    copy, base = layer.ln_tuning_layers["default"], layer.get_base_layer()
    for name, weight in base.named_parameters():
        if not METHODS[method].trains(name):
            setattr(copy, name, weight)
