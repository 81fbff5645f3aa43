"""Full fine-tuning: all weights of the chosen layers, except the few that kernels read directly (`Layout.fixed`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from objectives.training.methods.copies import copies
from spaces.methods import Method

if TYPE_CHECKING:
    from peft import PeftConfig

    from objectives.training.site import Site
    from spaces import Layout, Tuning


def _config(tuning: Tuning, site: Site) -> PeftConfig:
    return copies(lambda _: True, tuning, site)


def _copied(layout: Layout) -> tuple[int, ...]:
    return layout.weights


FULL = Method(low_rank=False, targets=False, config=_config, copied=_copied, anywhere=True)
