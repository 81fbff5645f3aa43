"""Methods of tuning: names to what peft puts on a base and what the optimiser does differently."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from peft import IA3Config, LNTuningConfig, LoraConfig, PeftConfig
from transformers.pytorch_utils import Conv1D

from objectives.models.layout import (
    expert_weights,
    find_blocks,
    is_bias,
    is_linear,
    is_norm,
    language_modules,
    linear_shape,
    renamed_by_peft,
    replaceable,
)
from spaces import Module, Stage, Tuning
from spaces.layout import trained_layers


@dataclass(frozen=True, slots=True)
class Site:
    """Where in a base a stage trains."""

    path: str
    """Of the list of layers, such as `model.layers`."""
    layers: tuple[int, ...]
    blocks: torch.nn.ModuleList
    """All layers."""
    model: torch.nn.Module

    @classmethod
    def of(cls, model: torch.nn.Module, stage: Stage) -> Site:
        """The site of a stage."""
        path, blocks = find_blocks(model)
        return cls(path, trained_layers(stage.frozen, len(blocks)), blocks, model)

    @property
    def transposed(self) -> bool:
        """Whether linear modules keep their weights transposed, as GPT-2's do."""
        return any(isinstance(module, Conv1D) for module in self.blocks.modules())

    def linear(self, targets: Collection[str]) -> dict[str, torch.nn.Module]:
        """Linear modules by full path, from their paths within a layer: those that each layer of the site has."""
        return {path: module for path, inner, module in self._named() if inner in targets and is_linear(module)}

    def experts(self, targets: Collection[str]) -> list[str]:
        """Full paths of parameters that hold experts' matrices, from their paths within a layer."""
        return [
            f"{path}.{key}"
            for path, inner, module in self._named()
            for key, _ in expert_weights(module)
            if f"{inner}.{key}" in targets
        ]

    def _named(self) -> Iterator[tuple[str, str, torch.nn.Module]]:
        """Full path, path within the layer, and module, of all modules in the layers of the site."""
        for layer in self.layers:
            for inner, module in self.blocks[layer].named_modules():
                yield f"{self.path}.{layer}.{inner}", inner, module


@dataclass(frozen=True, slots=True)
class TuningMethod:
    """A way of changing what a base does."""

    config: Callable[[Tuning, Site], PeftConfig]
    b_rate: float = 1.0
    """Learning rate of LoRA's matrices B, as a multiple of that of all other weights."""
    trains: Callable[[str], bool] = lambda _: True
    """Which weights of the copies that peft made, by name; the others are the base's own."""
    redraws: bool = False
    """Whether the copies begin with random weights."""


def lowest_trained(model: torch.nn.Module, stage: Stage) -> int:
    """The lowest layer that a stage changes; 0 where it also changes what comes before the layers."""
    return 0 if TUNINGS[stage.tuning.method].redraws else min(Site.of(model, stage).layers, default=0)


def _lora(tuning: Tuning, site: Site, **options: Any) -> PeftConfig:
    modules, experts = site.linear(tuning.targets), site.experts(tuning.targets)
    renamed = renamed_by_peft(site.model)
    return LoraConfig(
        r=tuning.rank,
        lora_alpha=tuning.alpha,
        lora_dropout=tuning.dropout,
        target_modules=[path for path in modules if path not in renamed],
        target_parameters=[*(f"{path}.weight" for path in modules if path in renamed), *experts] or None,
        fan_in_fan_out=site.transposed,
        bias="none",
        task_type="CAUSAL_LM",
        **options,
    )


def _ia3(tuning: Tuning, site: Site) -> PeftConfig:
    modules = site.linear(tuning.targets)
    return IA3Config(
        target_modules=list(modules),
        feedforward_modules=[path for path, module in modules.items() if Module(path, *linear_shape(module)).narrows],
        fan_in_fan_out=site.transposed,
        task_type="CAUSAL_LM",
    )


def _copies(wanted: Callable[[torch.nn.Module], bool], _: Tuning, site: Site) -> PeftConfig:
    """Copies of modules that peft trains in their place; named after norms, it copies any module without parts."""
    modules = [
        f"{site.path}.{layer}.{path}"
        for layer in site.layers
        for path, module in replaceable(site.blocks[layer])
        if wanted(module)
    ]
    return LNTuningConfig(target_modules=modules, task_type="CAUSAL_LM")


def _everything(_: Tuning, site: Site) -> PeftConfig:
    """Copies of all modules of the language model that have weights, embeddings too."""
    return LNTuningConfig(target_modules=[path for path, _ in language_modules(site.model)], task_type="CAUSAL_LM")


def _has_bias(module: torch.nn.Module) -> bool:
    return any(is_bias(name) for name, _ in module.named_parameters())


TUNINGS: Mapping[str, TuningMethod] = {
    "lora": TuningMethod(_lora),
    "rslora": TuningMethod(partial(_lora, use_rslora=True)),
    "dora": TuningMethod(partial(_lora, use_dora=True)),
    "loraplus": TuningMethod(_lora, b_rate=16.0),
    "ia3": TuningMethod(_ia3),
    "bitfit": TuningMethod(partial(_copies, _has_bias), trains=is_bias),
    "layernorm": TuningMethod(partial(_copies, is_norm)),
    "full": TuningMethod(partial(_copies, lambda _: True)),
    "from_scratch": TuningMethod(_everything, redraws=True),
}
"""`space.tuning.method` to what it does.

`lora`: Hu et al., 2021, arXiv 2106.09685. `rslora`: the update is scaled by alpha / sqrt(rank) (Kalajdzievski, 2023,
arXiv 2312.03732). `dora`: the norm of each output is trained apart from its direction (Liu et al., 2024, arXiv
2402.09353). `loraplus`: B learns 16 times as fast as A (Hayou, Ghosh and Yu, 2024, arXiv 2402.12354, who advise 2^4).
`ia3`: a factor for each output of a module, for each input where the module leads out of the feed-forward part (Liu et
al., 2022, arXiv 2205.05638). `bitfit`: biases alone (Ben Zaken et al., 2021, arXiv 2106.10199). `layernorm`: norms
alone (Zhao et al., 2023, arXiv 2312.11420). `full`: all weights of the chosen layers, save the few that kernels read by
themselves (`Layout.fixed`).
`from_scratch`: all weights of the model, which begin as random numbers drawn by the trial's seed.
"""
