"""The adapter: method, rank, scale, dropout and target modules."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution

from spaces.choices import distribution, options, pick
from spaces.dimensions import Params
from spaces.layout import Layout
from spaces.spec import LoraSpec
from spaces.trial import Tuning

_PREFIX = "lora."
_ALPHA_PER_RANK = 2.0


class LoraDimension:
    """LoRA settings (Hu et al., 2021, arXiv 2106.09685): the update of a module is alpha / rank times B A."""

    def __init__(self, spec: LoraSpec, layout: Layout) -> None:
        """Check the target modules against the model.

        Raises:
            InputError: a target that the model has not.
        """
        self._choices: dict[str, object] = {
            "method": spec.method,
            "rank": spec.rank,
            "dropout": spec.dropout,
            "targets": spec.targets,
        }
        if spec.alpha is None:
            self._choices["alpha_per_rank"] = spec.alpha_per_rank or _ALPHA_PER_RANK
        else:
            self._choices["alpha"] = spec.alpha
        self._targets = {choice: layout.resolve_targets(choice) for choice in options(spec.targets)}

    def distributions(self) -> Mapping[str, BaseDistribution]:
        found = {_PREFIX + name: distribution(choice) for name, choice in self._choices.items()}
        return {name: searched for name, searched in found.items() if searched is not None}

    def decode(self, params: Params) -> Tuning:
        chosen = {name: pick(choice, params, _PREFIX + name) for name, choice in self._choices.items()}
        rank = int(chosen["rank"])
        return Tuning(
            method=chosen["method"],
            rank=rank,
            alpha=float(chosen["alpha"] if "alpha" in chosen else rank * chosen["alpha_per_rank"]),
            dropout=float(chosen["dropout"]),
            targets=self._targets[chosen["targets"]],
        )
