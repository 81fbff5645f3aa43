"""Training pipeline: the stages of a trial in order on one base, each on top of the previous ones."""

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
    """Stage with its steps in the whole run."""

    name: str
    """Number and name of the stage."""
    stage: Stage
    seed: int
    first: int
    """Steps before the stage, cumulative."""
    last: int
    """Steps at the end of the stage, cumulative."""
    stream: MixStream
    losses: list[tuple[int, float]] = field(default_factory=list)
    """Tokens at the end of each run, cumulative, and mean loss since the previous run, in nats per token."""


class Pipeline:
    """Context manager that trains the stages in order; on exit, the base is restored bit for bit.

    Only the current stage has an adapter. Earlier stages are merged into the base, whose original weights are saved.
    Stages can therefore use any methods, and later stages train as fast as the first.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        trial: TrialConfig,
        tokens: Mapping[str, Tokens],
        spec: FinetuneSpec,
        prefix: Sequence[int] = (),
    ) -> None:
        """Schedule the stages.

        Args:
            model: the base.
            trial: trial to train.
            tokens: tokens of every text in any stage's mix.
            spec: training settings.
            prefix: special tokens before every training sequence.
        """
        self._model = model
        self._spec = spec
        self.stages = tuple(_scheduled_stages(trial, tokens, spec, prefix))
        self._finished: list[StageAdapter] = []
        self._originals: Weights = {}
        self._stage: ScheduledStage | None = None
        self._tuned: PeftModel | None = None
        self._trainer: Trainer | None = None
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        if self.stages and not self._spec.gradient_checkpointing:  # recomputation needs the inputs of skipped layers
            lowest = min(lowest_trained(self._model, stage.stage) for stage in self.stages)
            self._exits.enter_context(prefix_of(self._model).frozen(lowest))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tuned is not None:
            take_off(self._model, self._tuned)
        restore(self._model, self._originals)
        self._exits.close()

    @property
    def step(self) -> int:
        """Steps so far, cumulative over the stages."""
        return self._stage.first + self._trainer.step if self._stage is not None and self._trainer is not None else 0

    @property
    def steps(self) -> int:
        """Number of steps of the whole run; fewer than the study's if the limit of epochs is reached."""
        return self.stages[-1].last if self.stages else 0

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of all texts that any stage trains on."""
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.stage.mix.names))

    @property
    def layers(self) -> int:
        """Number of layers of the base."""
        return len(find_blocks(self._model)[1])

    @property
    def trainable(self) -> int:
        """Number of weights that the stages so far have trained, in total."""
        current = sum(weight.numel() for weight in trainable(self._tuned)) if self._tuned is not None else 0
        return current + sum(adapter.trainable for adapter in self._finished)

    @property
    def started(self) -> tuple[ScheduledStage, ...]:
        """Stages that have started, the current one last."""
        return self.stages[: len(self._finished) + 1] if self._stage is not None else ()

    def run(self, until: int) -> float | None:
        """Train up to a cumulative number of steps; return the mean loss of these steps, None if there are none.

        Raises:
            MixtuneError: the loss is no longer finite.
        """
        total, run_start = 0.0, self.step
        until = min(until, self.steps)
        while self.step < until:
            trainer, stage = self._current_stage()
            start = self.step
            loss = trainer.run(min(until, stage.last) - stage.first)
            stage.losses.append((self.step * self._spec.step_tokens, loss))
            total += loss * (self.step - start)
        return total / (self.step - run_start) if self.step > run_start else None

    def learned(self) -> list[StageAdapter]:
        """Return the adapters of all stages that have started, in order."""
        if self._stage is None or self._tuned is None:
            return []
        return [*self._finished, StageAdapter.of(self._stage.name, self._tuned)]

    @property
    def on_cuda(self) -> bool:
        """Whether dropout draws from the random generator of the GPU."""
        return bool(self._model.device.type == "cuda")

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the training state of the current stage."""
        return self._trainer.tensors() if self._trainer is not None else {}

    def load(
        self,
        tensors: Mapping[str, torch.Tensor],
        step: int,
        finished: Sequence[StageAdapter],
        losses: Sequence[Sequence[Sequence[float]]],
    ) -> None:
        """Resume from the state of an equal pipeline.

        Args:
            tensors: training state of its current stage, see `tensors`.
            step: its number of steps.
            finished: adapters of the stages before the current one.
            losses: tokens and loss of every run of each stage so far.
        """
        for stage, stage_losses in zip(self.stages, losses, strict=False):
            stage.losses.extend((int(tokens), loss) for tokens, loss in stage_losses)
        for adapter in finished:
            self._save_originals(adapter.merge_into(self._model))
            self._finished.append(adapter)
        stage = self.stages[len(finished)]
        self._start(stage).load(tensors, step - stage.first)

    def _current_stage(self) -> tuple[Trainer, ScheduledStage]:
        """Return the trainer and the stage of the next step; start the next stage if the current one has ended."""
        if self._stage is not None and self._tuned is not None and self.step == self._stage.last:
            self._finished.append(StageAdapter.of(self._stage.name, self._tuned))
            tuned, self._tuned = self._tuned, None
            self._save_originals(merge(self._model, tuned))
            self._start(self.stages[len(self._finished)])
        elif self._stage is None:
            self._start(self.stages[0])
        if self._trainer is None or self._stage is None:
            raise RuntimeError("A stage that has started must have a trainer.")
        return self._trainer, self._stage

    def _start(self, stage: ScheduledStage) -> Trainer:
        self._stage = stage
        self._tuned = put_on(self._model, stage.stage, stage.seed)
        rate, b_rate = stage.stage.learning_rate, METHODS[stage.stage.tuning.method].b_rate
        self._trainer = Trainer(self._tuned, stage.stream, self._spec, stage.last - stage.first, rate, b_rate)
        return self._trainer

    def _save_originals(self, before: Weights) -> None:
        """Save weights as they were before the first stage."""
        self._originals = before | self._originals


def _scheduled_stages(
    trial: TrialConfig, tokens: Mapping[str, Tokens], spec: FinetuneSpec, prefix: Sequence[int]
) -> Iterator[ScheduledStage]:
    """Yield the stages that have training steps, each with its own seed and stream of sequences."""
    for steps in stage_steps(trial, {name: len(text_tokens) for name, text_tokens in tokens.items()}, spec):
        seed = trial.seed if steps.index == 0 else int(fingerprint([trial.seed, steps.index])[:8], 16)
        sequences = (steps.last - steps.first) * spec.batch_size
        stream = MixStream(steps.stage.mix, tokens, spec.sequence_length, sequences, seed, prefix)
        yield ScheduledStage(steps.name, steps.stage, seed, steps.first, steps.last, stream)
