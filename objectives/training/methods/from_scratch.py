"""Training from scratch: all weights of the model, embeddings included, initialized at random from the trial's seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spaces.errors import listed
from spaces.methods import Method, Missing

if TYPE_CHECKING:
    from peft import PeftConfig

    from objectives.training.site import Site
    from spaces import Layout, Tuning


def _everything(_: Tuning, site: Site) -> PeftConfig:
    """Return a configuration with copies of all modules of the language model that have weights."""
    from peft import LNTuningConfig

    from objectives.bases.layout import language_modules

    return LNTuningConfig(target_modules=[path for path, _ in language_modules(site.model)], task_type="CAUSAL_LM")


def _missing(layout: Layout) -> Missing | None:
    if not layout.fixed:
        return None
    return Missing(
        "from-scratch-fixed-weights",
        f"from_scratch needs random weights everywhere, but layers of the base {layout.base!r} read "
        f"{listed(layout.fixed)} directly, so these would keep the weights of the base",
    )


FROM_SCRATCH = Method(low_rank=False, targets=False, config=_everything, missing=_missing, whole=True)
