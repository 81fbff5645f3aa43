"""Copies of modules that are trained in the place of the base's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from peft import PeftConfig

    from objectives.training.site import Site
    from spaces import Tuning


def copies(wanted: Callable[[torch.nn.Module], bool], _: Tuning, site: Site) -> PeftConfig:
    """Copies of modules that peft trains in their place; named after norms, it copies any module without parts."""
    from peft import LNTuningConfig

    from objectives.bases.layout import replaceable

    modules = [
        f"{site.path}.{layer}.{path}"
        for layer in site.layers
        for path, module in replaceable(site.blocks[layer])
        if wanted(module)
    ]
    return LNTuningConfig(target_modules=modules, task_type="CAUSAL_LM")
