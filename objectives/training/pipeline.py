"""A trial's stages in order on one base, each on top of what those before it have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from objectives.acceleration.prefix import prefix_of
from objectives.bases.layout import find_blocks
from objectives.data.order import MixStream
from objectives.data.tokens import Tokens
from objectives.training.adapter import Weights, merge, put_on, restore, take_off, trainable
from objectives.training.loop import Trainer
from objectives.training.schedule import stage_steps
from objectives.training.site import lowest_trained
from objectives.training.stage_adapter import StageAdapter
from spaces import Stage, TrialConfig
from spaces.methods import METHODS
from spaces.trial import fingerprint

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel

    from objectives.spec import FinetuneSpec


@dataclass(frozen=True, slots=True)
class ScheduledStage:
    """A stage with its place in the whole run."""

    name: str
    """Number and name."""
    stage: Stage
    seed: int
    first: int
    """Steps of the legs before it."""
    last: int
    """Steps at its end, cumulative."""
    stream: MixStream
    losses: list[tuple[int, float]] = field(default_factory=list)
    """Tokens at the end of each run, cumulative, and mean loss since the one before, in nats per token."""


class Pipeline:
    """Trains stage after stage; on leaving, the base is what it was, bit for bit.

    Only the stage under way has an adapter; those before it are merged into the base, whose weights were kept. So any
    methods may follow one another, and a later stage trains as fast as a first one.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        trial: TrialConfig,
        tokens: Mapping[str, Tokens],
        spec: FinetuneSpec,
        prefix: Sequence[int] = (),
    ) -> None:
        """Lay out the run.

        Args:
            model: the base.
            trial: what to train.
            tokens: of every text in any stage's mix.
            spec: of the training.
            prefix: special tokens before every training sequence.
        """
        self._model = model
        self._spec = spec
        self.legs = tuple(_legs(trial, tokens, spec, prefix))
        self._finished: list[StageAdapter] = []
        self._before: Weights = {}
        self._leg: ScheduledStage | None = None
        self._tuned: PeftModel | None = None
        self._trainer: Trainer | None = None
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        if (
            self.legs and not self._spec.gradient_checkpointing
        ):  # what a layer was given is gone when it is computed anew
            lowest = min(lowest_trained(self._model, leg.stage) for leg in self.legs)
            self._exits.enter_context(prefix_of(self._model).frozen(lowest))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tuned is not None:
            take_off(self._model, self._tuned)
        restore(self._model, self._before)
        self._exits.close()

    @property
    def step(self) -> int:
        """Steps so far, cumulative over the stages."""
        return self._leg.first + self._trainer.step if self._leg is not None and self._trainer is not None else 0

    @property
    def steps(self) -> int:
        """Steps of the whole run: fewer than the study's where texts may not be read so often."""
        return self.legs[-1].last if self.legs else 0

    @property
    def texts(self) -> tuple[str, ...]:
        """All that any stage trains on."""
        return tuple(dict.fromkeys(name for leg in self.legs for name in leg.stage.mix.names))

    @property
    def layers(self) -> int:
        """Number of layers of the base."""
        return len(find_blocks(self._model)[1])

    @property
    def trainable(self) -> int:
        """Weights that the stages so far have trained, all together."""
        now = sum(weight.numel() for weight in trainable(self._tuned)) if self._tuned is not None else 0
        return now + sum(learned.trainable for learned in self._finished)

    @property
    def begun(self) -> tuple[ScheduledStage, ...]:
        """The legs so far, the one under way last."""
        return self.legs[: len(self._finished) + 1] if self._leg is not None else ()

    def run(self, until: int) -> float | None:
        """Train up to a cumulative number of steps; return the mean loss of these steps, None where none was left.

        Raises:
            MixtuneError: the loss is not a number any more.
        """
        total, first = 0.0, self.step
        until = min(until, self.steps)
        while self.step < until:
            trainer, leg = self._current()
            begun = self.step
            loss = trainer.run(min(until, leg.last) - leg.first)
            leg.losses.append((self.step * self._spec.step_tokens, loss))
            total += loss * (self.step - begun)
        return total / (self.step - first) if self.step > first else None

    def learned(self) -> list[StageAdapter]:
        """Return what every stage so far has learned, in their order."""
        if self._leg is None or self._tuned is None:
            return []
        return [*self._finished, StageAdapter.of(self._leg.name, self._tuned)]

    @property
    def on_cuda(self) -> bool:
        """Whether dropout draws from the graphics card's generator."""
        return bool(self._model.device.type == "cuda")

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return what the stage under way needs to go on."""
        return self._trainer.tensors() if self._trainer is not None else {}

    def load(
        self,
        tensors: Mapping[str, torch.Tensor],
        step: int,
        finished: Sequence[StageAdapter],
        losses: Sequence[Sequence[Sequence[float]]],
    ) -> None:
        """Go on where an equal pipeline was.

        Args:
            tensors: of the stage that was under way.
            step: steps that had been done.
            finished: what the stages before it had learned.
            losses: tokens and loss of every run of each stage so far.
        """
        for leg, found in zip(self.legs, losses, strict=False):
            leg.losses.extend((int(tokens), loss) for tokens, loss in found)
        for learned in finished:
            self._keep(learned.merge_into(self._model))
            self._finished.append(learned)
        leg = self.legs[len(finished)]
        self._begin(leg).load(tensors, step - leg.first)

    def _current(self) -> tuple[Trainer, ScheduledStage]:
        """The trainer of the next step: that of a new stage where the last one has ended."""
        if self._leg is not None and self._tuned is not None and self.step == self._leg.last:
            self._finished.append(StageAdapter.of(self._leg.name, self._tuned))
            tuned, self._tuned = self._tuned, None
            self._keep(merge(self._model, tuned))
            self._begin(self.legs[len(self._finished)])
        elif self._leg is None:
            self._begin(self.legs[0])
        if self._trainer is None or self._leg is None:
            raise RuntimeError("A stage that was begun has a trainer.")
        return self._trainer, self._leg

    def _begin(self, leg: ScheduledStage) -> Trainer:
        self._leg = leg
        self._tuned = put_on(self._model, leg.stage, leg.seed)
        rate, b_rate = leg.stage.learning_rate, METHODS[leg.stage.tuning.method].b_rate
        self._trainer = Trainer(self._tuned, leg.stream, self._spec, leg.last - leg.first, rate, b_rate)
        return self._trainer

    def _keep(self, before: Weights) -> None:
        """Remember weights as they were before the first stage."""
        self._before = before | self._before


def _legs(
    trial: TrialConfig, tokens: Mapping[str, Tokens], spec: FinetuneSpec, prefix: Sequence[int]
) -> Iterator[ScheduledStage]:
    """The stages that train on anything, each with its own seed and stream of sequences."""
    for each in stage_steps(trial, {name: len(found) for name, found in tokens.items()}, spec):
        seed = trial.seed if each.index == 0 else int(fingerprint([trial.seed, each.index])[:8], 16)
        sequences = (each.last - each.first) * spec.batch_size
        stream = MixStream(each.stage.mix, tokens, spec.sequence_length, sequences, seed, prefix)
        yield ScheduledStage(each.name, each.stage, seed, each.first, each.last, stream)
