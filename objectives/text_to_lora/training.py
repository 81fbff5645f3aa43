"""Training a hypernetwork, either way, with validation and from where it was cut off."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from objectives.text_to_lora.network import HyperNetwork
from objectives.training.loop import rate_share
from spaces import MixtuneError

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


class Way(Protocol):
    """A way to train: what is made small."""

    def loss(self, step: int) -> torch.Tensor:
        """Loss on the lessons of a step, to be made small."""
        ...

    def validation(self) -> float | None:
        """The same of tasks that are never learnt from; None where there are none."""
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

    def __init__(self, network: HyperNetwork, way: Way, recipe: Recipe) -> None:
        self.network = network
        self.recipe = recipe
        self.log: list[Measured] = []
        self.step = 0
        self._way = way
        self._optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate, weight_decay=0.0)

    def run(
        self, folder: Path | None = None, progress: Callable[[int, float], None] = lambda _step, _loss: None
    ) -> Iterator[Measured]:
        """Train to the end, yielding at every measurement; the state is in the folder by then, where one is given.

        Raises:
            MixtuneError: the loss is not a number any more.
        """
        every = max(1, self.recipe.steps // _MEASUREMENTS)
        total, counted = 0.0, 0
        while self.step < self.recipe.steps:
            loss = self._one_step()
            total, counted = total + loss, counted + 1
            progress(self.step, loss)
            if self.step % every == 0 or self.step == self.recipe.steps:
                with torch.no_grad():
                    measured = Measured(self.step, total / counted, self._way.validation())
                self.log.append(measured)
                total, counted = 0.0, 0
                if folder is not None:
                    self._save(folder)
                yield measured

    def restore(self, folder: Path) -> None:
        """Go on from where a run of the same recipe was; from the beginning where nothing of it is there."""
        file = folder / _STATE
        if not file.is_file():
            return
        with safe_open(file, "pt") as stored:
            notes = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118  not a mapping
        self.network.load_state_dict(_below(tensors, "network/"))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in _below(tensors, "optimiser/").items():
            place, name = key.split("/")
            moments.setdefault(int(place), {})[name] = value
        self._optimiser.load_state_dict({**self._optimiser.state_dict(), "state": moments})
        self.log = [Measured(**each) for each in json.loads(notes["log"])]
        self.step = self.log[-1].step

    def _one_step(self) -> float:
        loss = self._way.loss(self.step)
        if not math.isfinite(loss.item()):
            raise MixtuneError(
                f"The loss became {loss.item()} at step {self.step}: the learning rate "
                f"{self.recipe.learning_rate:g} is too high. Lower it with --learning-rate.",
                code="loss-diverged",
            )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        share = rate_share(self.step, self.recipe.steps, self.recipe.warmup)
        for group in self._optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate * share
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return loss.item()

    def _save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network/{name}": value.contiguous() for name, value in self.network.state_dict().items()}
        for place, state in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{place}/{name}": value for name, value in state.items()}
        unfinished = (folder / _STATE).with_suffix(".tmp")
        save_file(tensors, unfinished, metadata={"log": json.dumps([asdict(each) for each in self.log])})
        unfinished.replace(folder / _STATE)


_STATE = "state.safetensors"


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
