"""Training of a hypernetwork with validation; an interrupted run resumes."""

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
"""Number of validations in a run; each also saves the state."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Training settings of a hypernetwork."""

    steps: int = 1000
    tasks: int = 8
    """Tasks in a step."""
    examples: int = 8
    """Examples of each task in a step."""
    learning_rate: float = 1e-3
    warmup: int = 50
    """Steps of linear warm-up."""
    clip: float = 1.0
    """Maximum norm of the gradient."""
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON data."""
        return asdict(self)


class TrainingObjective(Protocol):
    """Objective that training minimizes."""

    def loss(self, step: int) -> torch.Tensor:
        """Return the loss on the tasks of a step."""
        ...

    def validation(self) -> float | None:
        """Return the loss on held-out tasks, None if there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Measured:
    """Progress of a run at a measurement."""

    step: int
    loss: float
    """Mean training loss since the previous measurement."""
    validation: float | None


class Training:
    """Trainer of a hypernetwork: AdamW with linear warm-up and linear decay."""

    def __init__(self, network: HyperNetwork, objective: TrainingObjective, recipe: Recipe) -> None:
        self.network = network
        self.recipe = recipe
        self.log: list[Measured] = []
        self.step = 0
        self._objective = objective
        self._optimizer = torch.optim.AdamW(
            [{"params": list(network.parameters()), "peak": recipe.learning_rate}], weight_decay=0.0
        )

    def run(
        self, folder: Path | None = None, progress: Callable[[int, float], None] = lambda _step, _loss: None
    ) -> Iterator[Measured]:
        """Train to the end; yield every measurement, once the state is saved to the folder, if one is given.

        Raises:
            MixtuneError: the loss is no longer finite.
        """
        every = max(1, self.recipe.steps // _MEASUREMENTS)
        advice = f"the learning rate {self.recipe.learning_rate:g} is too high. Lower it with --learning-rate."
        while self.step < self.recipe.steps:
            until = min(self.recipe.steps, (self.step // every + 1) * every)
            loss = fit(self, until, advice, progress).item()
            with torch.no_grad():
                measured = Measured(self.step, loss, self._objective.validation())
            self.log.append(measured)
            if folder is not None:
                self._save(folder)
            yield measured

    def restore(self, folder: Path) -> None:
        """Resume a run of the same recipe from its saved state, if there is one."""
        file = folder / _STATE
        if not file.is_file():
            return
        stored, notes = tensors.read(file)
        self.network.load_state_dict(tensors.below(stored, "network/"))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in tensors.below(stored, "optimiser/").items():
            index, name = key.split("/")
            moments.setdefault(int(index), {})[name] = value
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})
        self.log = [Measured(**each) for each in json.loads(notes["log"])]
        self.step = self.log[-1].step

    def one_step(self) -> torch.Tensor:
        """Train on the tasks of the next step; return their loss."""
        loss = self._objective.loss(self.step)
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
