"""An objective in Python with planted effects."""

from __future__ import annotations

from mixtune import TrialConfig


def planted(trial: TrialConfig) -> float:
    """Ants help by 1, bees hurt by 0.5; cats do nothing. The seed adds up to 0.1."""
    effects = {"ants": 1.0, "bees": -0.5}
    return sum(effects.get(name, 0.0) for name in trial.mix.names) + (trial.seed % 101) / 1010
