"""IA3 (Liu et al., 2022, arXiv 2205.05638): a factor for each output, or for each input of a module that leads out of
the feed-forward block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spaces.methods import Method

if TYPE_CHECKING:
    from peft import PeftConfig

    from objectives.training.site import Site
    from spaces import Module, Tuning


def _ia3(tuning: Tuning, site: Site) -> PeftConfig:
    from peft import IA3Config

    from objectives.bases.layout import linear_shape
    from spaces import Module

    modules = site.linear(tuning.targets)
    return IA3Config(
        target_modules=list(modules),
        feedforward_modules=[path for path, module in modules.items() if Module(path, *linear_shape(module)).narrows],
        fan_in_fan_out=site.transposed,
        task_type="CAUSAL_LM",
    )


def _size(_: Tuning, module: Module) -> int:
    """Return the number of factors: one per output, or one per input of a module that leads out of the block."""
    return module.inputs if module.narrows else module.outputs


IA3 = Method(low_rank=False, targets=True, config=_ia3, size=_size, linear_alone=True)
