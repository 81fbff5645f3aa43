"""A case of an architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spaces import CorpusMix, InputError, Layout, Stage, Tuning
from spaces.layout import complement
from spaces.methods import METHODS

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Case:
    """A base with its layout."""

    name: str
    model: PreTrainedModel
    layout: Layout

    def stage(self, method: str, targets: str, layers: str) -> Stage:
        """Training of these layers.

        Raises:
            InputError: as a study's space refuses it.
        """
        self.layout.check_method(method)
        resolved = self.layout.resolve_targets(targets) if METHODS[method].targets else ()
        self.layout.check_targets(method, resolved, 0.0, "space.tuning.targets")
        trained = self.layout.resolve_layers(layers)
        if not trained & self.layout.layers_with(method, resolved):
            raise InputError(f"{layers} have nothing of {targets}")
        rank = 2 if METHODS[method].low_rank else 0
        frozen = complement(trained, self.layout.layers)
        return Stage("train", CorpusMix.equal(["a"]), Tuning(method, rank, 2.0 * rank, 0.0, resolved), frozen, 99, 1e-2)
