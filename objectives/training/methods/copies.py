"""Configuration of trainable copies that replace modules of the base."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from peft import PeftConfig

    from objectives.training.site import Site
    from spaces import Tuning


def copies(selected: Callable[[torch.nn.Module], bool], _: Tuning, site: Site) -> PeftConfig:
    """Return a peft configuration that trains copies of the selected modules.

    `LNTuningConfig` is named after norms, but copies any module without submodules.
    """
    from peft import LNTuningConfig

    from objectives.bases.layout import replaceable

    modules = [
        f"{site.path}.{layer}.{path}"
        for layer in site.layers
        for path, module in replaceable(site.blocks[layer])
        if selected(module)
    ]
    return LNTuningConfig(target_modules=modules, task_type="CAUSAL_LM")
