"""LayerNorm tuning (Zhao et al., 2023, arXiv 2312.11420): trains only norms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from objectives.training.methods.copies import copies
from spaces.methods import Method, Missing

if TYPE_CHECKING:
    from peft import PeftConfig

    from objectives.training.site import Site
    from spaces import Layout, Tuning


def _config(tuning: Tuning, site: Site) -> PeftConfig:
    from objectives.bases.layout import is_norm

    return copies(is_norm, tuning, site)


def _copied(layout: Layout) -> tuple[int, ...]:
    return layout.norm_weights


def _missing(layout: Layout) -> Missing | None:
    if any(layout.norm_weights):
        return None
    return Missing("no-norms", f"layernorm trains norms, and the layers of the base {layout.base!r} have none")


LAYERNORM = Method(low_rank=False, targets=False, config=_config, copied=_copied, missing=_missing)
