"""Training by reconstruction: the network learns to say the adapters of a library."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from objectives.data.order import generator
from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.network import HyperNetwork
from objectives.text_to_lora.training import Recipe
from objectives.training.stacked import Matrices


class Reconstruction:
    """L1 between what the heads say and a library's matrices in standard deviations (paper, equation 5).

    Standardized, because A is a hundred times as large as B in the beginning and both matter alike. The library's
    matrices must be comparable: trained from the same first weights, or `aligned`.
    """

    def __init__(
        self,
        network: HyperNetwork,
        library: Adapters,
        descriptions: Sequence[torch.Tensor],
        recipe: Recipe,
        held_out: Sequence[int] = (),
    ) -> None:
        """Let a network see the library's mean and deviations.

        Args:
            network: in its first state.
            library: adapters.
            descriptions: of each adapter, encoded, shape (wordings, encoding).
            recipe: its `tasks` are adapters in a step.
            held_out: numbers of adapters that are not learned from.
        """
        device = network.middle.device
        library = library.map(lambda tensor: tensor.to(device))
        descriptions = [each.to(device) for each in descriptions]
        learned = [number for number in range(len(library)) if number not in set(held_out)]
        network.centre(library.chosen(learned))
        network.standardize(torch.cat([descriptions[number] for number in learned]))
        self._network = network
        self._recipe = recipe
        self._descriptions = descriptions
        self._wanted = network.standardized(library)
        self._learned, self._held_out = learned, list(held_out)

    def loss(self, step: int) -> torch.Tensor:
        rng = generator(self._recipe.seed, "adapters", step)
        numbers = rng.permutation(self._learned)[: self._recipe.tasks].tolist()
        wordings = [self._descriptions[number] for number in numbers]
        asked = torch.stack([each[int(rng.integers(len(each)))] for each in wordings])
        return self._apart(asked, numbers)

    def validation(self) -> float | None:
        if not self._held_out:
            return None
        return self._apart(torch.stack([self._descriptions[n][0] for n in self._held_out]), self._held_out).item()

    def error(self, numbers: Sequence[int] | None = None) -> float:
        """Mean L1 error of adapters in standard deviations, by their first wordings; all learned ones by default."""
        chosen = list(self._learned if numbers is None else numbers)
        with torch.no_grad():
            return self._apart(torch.stack([self._descriptions[n][0] for n in chosen]), chosen).item()

    def _apart(self, asked: torch.Tensor, numbers: Sequence[int]) -> torch.Tensor:
        said = self._network.answers(asked)
        parts = [
            difference
            for path, answer in said.items()
            for difference in _differences(answer, self._wanted[path], numbers)
        ]
        return sum(part.abs().sum() for part in parts) / torch.tensor(sum(part.numel() for part in parts))


def _differences(said: Matrices, wanted: Matrices, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = list(numbers)
    return said.down - wanted.down[chosen], said.up - wanted.up[chosen]
