"""Choice of the tuning: method, rank, scale, dropout and target modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from optuna.distributions import BaseDistribution

from spaces.choices import distribution, largest, options, pick
from spaces.dimensions import Params
from spaces.errors import FieldError, listed
from spaces.layout import Layout
from spaces.methods import METHODS
from spaces.spec import TuningSpec
from spaces.trial import Tuning

_ALPHA_PER_RANK = 2.0
_LOW_RANK = ("rank", "alpha", "alpha_per_rank", "dropout")


class TuningDimension:
    """Choice of a method and its settings.

    LoRA (Hu et al., 2021, arXiv 2106.09685) adds alpha / rank * B A to the weight of a module.
    """

    def __init__(self, spec: TuningSpec, layout: Layout, name: str = "tuning", field: str = "space.tuning") -> None:
        """Check methods and target modules against the model.

        Args:
            spec: the `tuning` section.
            layout: layout of the model.
            name: prefix of the parameter names.
            field: path of the section in the study file.

        Raises:
            InputError: the model does not have a target or a kind of weight.
        """
        self._name = name
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
        self.methods: tuple[str, ...] = options(spec.method)
        self._check_from_scratch(f"{field}.method")
        for method in self.methods:
            layout.check_method(method, f"{field}.method")
        self._targets = {choice: layout.resolve_targets(choice, f"{field}.targets") for choice in options(spec.targets)}
        self._check_targets(layout, f"{field}.targets")
        never = frozenset.intersection(*map(_unused, self.methods))
        self._searched = {
            f"{name}.{field}": searched
            for field, choice in self._choices.items()
            if field not in never and (searched := distribution(choice)) is not None
        }

    def distributions(self) -> Mapping[str, BaseDistribution]:
        return self._searched

    @property
    def from_scratch(self) -> bool:
        """Whether the model starts from random weights."""
        return any(METHODS[method].whole for method in self.methods)

    def kinds(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Yield every method with each choice of its targets, as in the study file and as paths within a layer."""
        for method in self.methods:
            if METHODS[method].targets:
                yield from ((method, choice, targets) for choice, targets in self._targets.items())
            else:
                yield method, "", ()

    def _check_from_scratch(self, field: str) -> None:
        if self.from_scratch and len(self.methods) > 1:
            raise FieldError(
                field,
                f"from_scratch starts from random weights, so its trials cannot be compared with others; got "
                f"{listed(self.methods)}. Use it as the only method, in a study of its own.",
                code="from-scratch-compared",
            )

    def _check_targets(self, layout: Layout, field: str) -> None:
        for method, _, targets in self.kinds():
            dropout = largest(self._choices["dropout"]) if METHODS[method].low_rank else 0.0
            layout.check_targets(method, targets, dropout, field)

    def idle(self, params: Params) -> frozenset[str]:
        """Return the names of the parameters that the trial's method does not use."""
        unused = _unused(self._pick("method", params))
        return frozenset(name for name in self._searched if name.rsplit(".", 1)[-1] in unused)

    def decode(self, params: Params) -> Tuning:
        method = str(self._pick("method", params))
        rank = int(self._pick("rank", params)) if METHODS[method].low_rank else 0
        if not METHODS[method].low_rank:
            alpha = dropout = 0.0
        else:
            per_rank = "alpha_per_rank" in self._choices
            alpha = float(rank * self._pick("alpha_per_rank", params) if per_rank else self._pick("alpha", params))
            dropout = float(self._pick("dropout", params))
        targets = self._targets[self._pick("targets", params)] if METHODS[method].targets else ()
        return Tuning(method, rank, alpha, dropout, targets)

    def largest(self) -> list[Tuning]:
        """Return the largest tuning of every method."""
        paths = tuple(dict.fromkeys(path for targets in self._targets.values() for path in targets))
        rank = int(largest(self._choices["rank"]))
        return [
            Tuning(method, rank if METHODS[method].low_rank else 0, 0.0, 0.0, paths if METHODS[method].targets else ())
            for method in self.methods
        ]

    def _pick(self, field: str, params: Params) -> Any:
        return pick(self._choices[field], params, f"{self._name}.{field}")


def _unused(method: str) -> frozenset[str]:
    """Return the settings that a method does not use."""
    kind = METHODS[method]
    return frozenset([*(() if kind.low_rank else _LOW_RANK), *(() if kind.targets else ["targets"])])
