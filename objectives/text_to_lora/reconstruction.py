"""Reconstruction objective: the network learns to reproduce the adapters of a library."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from objectives.data.order import generator
from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.network import HyperNetwork
from objectives.text_to_lora.training import Recipe
from objectives.training.stacked import Matrices


class Reconstruction:
    """L1 loss between the head outputs and a library's matrices, in standard deviations (paper, equation 5).

    The matrices are standardized because A is initially a hundred times as large as B, but both are equally important.
    The library's matrices must be comparable: trained from the same initial weights, or `aligned`.
    """

    def __init__(
        self,
        network: HyperNetwork,
        library: Adapters,
        descriptions: Sequence[torch.Tensor],
        recipe: Recipe,
        held_out: Sequence[int] = (),
    ) -> None:
        """Scale the network by the library's mean and deviations.

        Args:
            network: untrained network.
            library: adapters to reproduce.
            descriptions: encoded descriptions of each adapter, shape (wordings, encoding).
            recipe: training settings; `tasks` is the number of adapters in a step.
            held_out: indices of adapters for validation only.
        """
        device = network.middle.device
        library = library.map(lambda tensor: tensor.to(device))
        descriptions = [each.to(device) for each in descriptions]
        learned = [number for number in range(len(library)) if number not in set(held_out)]
        network.center(library.chosen(learned))
        network.standardize(torch.cat([descriptions[number] for number in learned]))
        self._network = network
        self._recipe = recipe
        self._descriptions = descriptions
        self._targets = network.standardized(library)
        self._learned, self._held_out = learned, list(held_out)

    def loss(self, step: int) -> torch.Tensor:
        rng = generator(self._recipe.seed, "adapters", step)
        numbers = rng.permutation(self._learned)[: self._recipe.tasks].tolist()
        wordings = [self._descriptions[number] for number in numbers]
        descriptions = torch.stack([each[int(rng.integers(len(each)))] for each in wordings])
        return self._l1_error(descriptions, numbers)

    def validation(self) -> float | None:
        if not self._held_out:
            return None
        return self._l1_error(torch.stack([self._descriptions[n][0] for n in self._held_out]), self._held_out).item()

    def error(self, numbers: Sequence[int] | None = None) -> float:
        """Return the mean L1 error in standard deviations for the first wordings; all training adapters by default."""
        chosen = list(self._learned if numbers is None else numbers)
        with torch.no_grad():
            return self._l1_error(torch.stack([self._descriptions[n][0] for n in chosen]), chosen).item()

    def _l1_error(self, descriptions: torch.Tensor, numbers: Sequence[int]) -> torch.Tensor:
        outputs = self._network.head_outputs(descriptions)
        parts = [
            difference
            for path, output in outputs.items()
            for difference in _differences(output, self._targets[path], numbers)
        ]
        return sum(part.abs().sum() for part in parts) / torch.tensor(sum(part.numel() for part in parts))


def _differences(outputs: Matrices, targets: Matrices, numbers: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = list(numbers)
    return outputs.down - targets.down[chosen], outputs.up - targets.up[chosen]
