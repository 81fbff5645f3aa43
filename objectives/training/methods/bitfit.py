"""BitFit (Ben Zaken et al., 2021, arXiv 2106.10199): trains only biases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from objectives.training.methods.copies import copies
from spaces.methods import Method, Missing

if TYPE_CHECKING:
    import torch
    from peft import PeftConfig

    from objectives.training.site import Site
    from spaces import Layout, Tuning


def _is_bias(name: str) -> bool:
    from objectives.bases.layout import is_bias

    return is_bias(name)


def _has_bias(module: torch.nn.Module) -> bool:
    return any(_is_bias(name) for name, _ in module.named_parameters())


def _config(tuning: Tuning, site: Site) -> PeftConfig:
    return copies(_has_bias, tuning, site)


def _copied(layout: Layout) -> tuple[int, ...]:
    return layout.biases


def _missing(layout: Layout) -> Missing | None:
    if any(layout.biases):
        return None
    return Missing("no-biases", f"bitfit trains biases, and the layers of the base {layout.base!r} have none")


BITFIT = Method(low_rank=False, targets=False, config=_config, trains=_is_bias, copied=_copied, missing=_missing)
