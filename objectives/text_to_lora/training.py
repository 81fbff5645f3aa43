"""Training a hypernetwork, either way, with validation and from where it was cut off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from objectives import tensors
from objectives.text_to_lora.network import HyperNetwork
from objectives.training.fit import descend, fit, rate_share

_MEASUREMENTS = 10
"""In a run: how often it is validated and its state kept."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a hypernetwork is trained."""

    steps: int = 1000
    tasks: int = 8
    """In a step."""
    examples: int = 8
    """Of each task in a step."""
    learning_rate: float = 1e-3
    warmup: int = 50
    """Steps."""
    clip: float = 1.0
    """Largest norm of a gradient."""
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)


class TrainingObjective(Protocol):
    """A way to train: what is made small."""

    def loss(self, step: int) -> torch.Tensor:
        """Loss on the lessons of a step, to be made small."""
        ...

    def validation(self) -> float | None:
        """Loss on tasks that are never learned from; None where there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Measured:
    """How far a run was."""

    step: int
    loss: float
    """Mean since the measurement before."""
    validation: float | None


class Training:
    """AdamW with linear warm-up and linear decay on the weights of a hypernetwork."""

    def __init__(self, network: HyperNetwork, way: TrainingObjective, recipe: Recipe) -> None:
        self.network = network
        self.recipe = recipe
        self.log: list[Measured] = []
        self.step = 0
        self._way = way
        self._optimizer = torch.optim.AdamW(
            [{"params": list(network.parameters()), "peak": recipe.learning_rate}], weight_decay=0.0
        )

    def run(
        self, folder: Path | None = None, progress: Callable[[int, float], None] = lambda _step, _loss: None
    ) -> Iterator[Measured]:
        """Train to the end, yielding at every measurement; the state is in the folder by then, where one is given.

        Raises:
            MixtuneError: the loss is not a number any more.
        """
        every = max(1, self.recipe.steps // _MEASUREMENTS)
        advice = f"the learning rate {self.recipe.learning_rate:g} is too high. Lower it with --learning-rate."
        while self.step < self.recipe.steps:
            until = min(self.recipe.steps, (self.step // every + 1) * every)
            loss = fit(self, until, advice, progress).item()
            with torch.no_grad():
                measured = Measured(self.step, loss, self._way.validation())
            self.log.append(measured)
            if folder is not None:
                self._save(folder)
            yield measured

    def restore(self, folder: Path) -> None:
        """Go on from where a run of the same recipe was; from the beginning where nothing of it is there."""
        file = folder / _STATE
        if not file.is_file():
            return
        stored, notes = tensors.read(file)
        self.network.load_state_dict(tensors.below(stored, "network/"))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.below(stored, "optimiser/").items():
            place, name = key.split("/")
            moments.setdefault(int(place), {})[name] = value
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})
        self.log = [Measured(**each) for each in json.loads(notes["log"])]
        self.step = self.log[-1].step

    def one_step(self) -> torch.Tensor:
        """Train on the lessons of the next step; their loss."""
        loss = self._way.loss(self.step)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        descend(self._optimizer, rate_share(self.step, self.recipe.steps, self.recipe.warmup))
        self.step += 1
        return loss.detach()

    def _save(self, folder: Path) -> None:
        state = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        for place, moments in self._optimizer.state_dict()["state"].items():
            state |= {f"optimiser/{place}/{name}": value for name, value in moments.items()}
        tensors.write(folder / _STATE, state, {"log": json.dumps([asdict(each) for each in self.log])})


_STATE = "state.safetensors"
