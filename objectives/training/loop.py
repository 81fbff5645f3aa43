"""Fine-tuning loop for one adapter: next-token loss on contiguous windows of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import torch
from torch.nn.functional import cross_entropy

from objectives.acceleration.prefix import Row, prefix_of
from objectives.data.order import MixStream
from objectives.data.tokens import UNLEARNED, split
from objectives.training.adapter import trainable
from objectives.training.fit import descend, fit, rate_share

if TYPE_CHECKING:
    from peft import PeftModel

    from objectives.spec import FinetuneSpec


class Trainer:
    """Trainer of one adapter; `run(until)` can be called repeatedly with a larger step."""

    def __init__(
        self,
        model: PeftModel,
        stream: MixStream,
        spec: FinetuneSpec,
        steps: int,
        learning_rate: float,
        b_rate: float = 1.0,
    ) -> None:
        """Set up AdamW on the adapter's weights with linear warm-up and linear decay over the whole run.

        Args:
            model: model with an adapter.
            stream: stream of training sequences.
            spec: training settings.
            steps: number of steps of the whole run.
            learning_rate: peak learning rate.
            b_rate: factor of the learning rate for the matrices B of the adapter.
        """
        self._model = model
        self._stream = stream
        self._spec = spec
        self._steps = steps
        faster = {id(weight) for name, weight in model.named_parameters() if "lora_B" in name and b_rate != 1}
        plain = [weight for weight in trainable(model) if id(weight) not in faster]
        times_b = [weight for weight in trainable(model) if id(weight) in faster]
        self._weights = [*plain, *times_b]  # in the order of the optimizer's groups
        self._learning_rate = learning_rate
        groups = [{"params": plain, "peak": learning_rate}, {"params": times_b, "peak": learning_rate * b_rate}]
        self._optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=learning_rate,
            weight_decay=spec.weight_decay,
            fused=True,
        )
        self._device = self._weights[0].device
        self._prefix = prefix_of(model.get_base_model())
        self.step = 0

    def run(self, until: int) -> float:
        """Train up to a cumulative number of steps; return the mean loss of these steps, in nats per token.

        Raises:
            MixtuneError: the loss is no longer finite.
        """
        advice = f"the learning rate {self._learning_rate:g} is too high for this base. Lower space.learning_rate."
        self._model.train()
        with self._checkpointing():
            loss = fit(self, until, advice).item()
        self._model.eval()
        return loss

    @property
    def on_cuda(self) -> bool:
        """Whether dropout draws from the random generator of the GPU."""
        return self._device.type == "cuda"

    def tensors(self) -> dict[str, torch.Tensor]:
        """Return the weights and AdamW's moments, keyed by the index of each weight."""
        stored = {}
        for index, weight in enumerate(self._weights):
            stored[f"{index}.weight"] = weight.detach()
            stored |= {f"{index}.{name}": value for name, value in self._optimizer.state[weight].items()}
        return stored

    def load(self, tensors: Mapping[str, torch.Tensor], step: int) -> None:
        """Restore the state that `tensors` of an equal trainer returned after `step` steps."""
        moments: dict[int, dict[str, torch.Tensor]] = {index: {} for index in range(len(self._weights))}
        for key, value in tensors.items():
            index, name = key.split(".")
            moments[int(index)][name] = value
        with torch.no_grad():
            for weight, stored in zip(self._weights, moments.values(), strict=True):
                weight.copy_(stored.pop("weight"))
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})
        self.step = step

    @contextmanager
    def _checkpointing(self) -> Iterator[None]:
        """Enable gradient checkpointing inside the context, if the study requests it."""
        base = self._model.get_base_model()
        if self._spec.gradient_checkpointing:
            base.activation_checkpointing_enable()
        try:
            yield
        finally:
            if self._spec.gradient_checkpointing:
                base.activation_checkpointing_disable()

    def one_step(self) -> torch.Tensor:
        """Train on the next batch; return its loss, in nats per token."""
        batch = self._stream.batch(self.step * self._spec.batch_size, self._spec.batch_size)
        tokens, labels = (torch.from_numpy(part).to(self._device) for part in split(batch))  # (batch, length)
        learned = (labels[:, 1:] != UNLEARNED).sum().clamp(min=1)
        loss = torch.zeros((), device=self._device)
        for inputs, targets in zip(
            tokens.chunk(self._spec.gradient_accumulation_steps),
            labels.chunk(self._spec.gradient_accumulation_steps),
            strict=True,
        ):
            logits = self._logits(inputs)[:, :-1]  # (part, length - 1, vocabulary)
            part = cross_entropy(logits.flatten(0, 1).float(), targets[:, 1:].flatten(), reduction="sum") / learned
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.detach()
        torch.nn.utils.clip_grad_norm_(self._weights, self._spec.max_grad_norm)
        descend(self._optimizer, rate_share(self.step, self._steps, self._spec.warmup_steps))
        self.step += 1
        return loss

    def _logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the logits, shape (part, length, vocabulary)."""
        if not self._prefix.active:
            return cast("torch.Tensor", self._model(input_ids=inputs).logits)
        rows = [Row(tuple(row)) for row in inputs.tolist()]
        output = self._prefix.run(lambda: self._model(input_ids=inputs), rows, skip=self._prefix.has(rows))
        return cast("torch.Tensor", output.logits)
