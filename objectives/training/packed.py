"""Several trials' LoRA adapters trained in one pass over one base: stacked matrices, ranks filled up with zeros.

A step of few tokens leaves a processor or a card waiting for the next operation; several trials in one step give it
more to do in each. The idea of batches over adapters is that of mLoRA (Ye et al., 2023, arXiv 2312.02515).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from peft.tuners.lora.layer import LoraLayer
from torch.nn.functional import cross_entropy

from objectives.data.order import MixStream
from objectives.data.tokens import UNLEARNED, split
from objectives.torch_compat import roots_of, update_moments
from objectives.training.adapter import adapted
from objectives.training.fit import fit, rate_share
from objectives.training.stacked import Matrices, attached, clip_each
from spaces import MixtuneError, Stage
from spaces.methods import METHODS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.spec import FinetuneSpec

_PACKABLE = ("lora", "rslora", "loraplus")
_NAME = "default"
"""peft's name of a first adapter."""
_FIRST, _SECOND, _EPS = 0.9, 0.999, 1e-8
"""AdamW's decay of both moments and what keeps it from dividing by nothing; torch's defaults."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A trial among others."""

    stage: Stage
    seed: int
    stream: MixStream


class PackedTrainer:
    """Trains adapters side by side; each ends as it would have ended alone."""

    def __init__(self, model: PreTrainedModel, trials: Sequence[Packed], spec: FinetuneSpec, steps: int) -> None:
        """Draw every adapter's first weights as they are drawn for a trial alone, and stack them.

        Args:
            model: the base, without an adapter.
            trials: what to train; each reads its own stream.
            spec: of the training, the same for all.
            steps: of the whole run.

        Raises:
            MixtuneError: a method that is more than LoRA, dropout, or steps that save memory.
        """
        if spec.gradient_checkpointing or spec.gradient_accumulation_steps > 1:
            raise MixtuneError(
                "Adapters that are packed are trained in whole steps (gradient_accumulation_steps: 1, "
                "gradient_checkpointing: false). Train them alone.",
                code="run-not-packable",
            )
        for trial in trials:
            _refuse_other_methods(trial.stage)
        self._model = model
        self._trials = tuple(trials)
        self._spec = spec
        self._steps = steps
        drawn = [_drawn(model, trial) for trial in trials]
        self._stacks = _stacked(drawn)
        self._scales = torch.tensor([next(iter(each.values())).scale for each in drawn], device=model.device)
        rates = torch.tensor([trial.stage.learning_rate for trial in trials], device=model.device)
        faster = torch.tensor([METHODS[trial.stage.tuning.method].b_rate for trial in trials], device=model.device)
        self._optimizers = (
            _AdamW([stack.down for stack in self._stacks.values()], rates, spec.weight_decay),
            _AdamW([stack.up for stack in self._stacks.values()], rates * faster, spec.weight_decay),
        )
        self.step = 0

    def run(self, until: int) -> list[float]:
        """Train up to a cumulative number of steps; return each trial's mean loss of these steps, in nats per token.

        Raises:
            MixtuneError: one is not a number any more.
        """
        with attached(self._model, self._stacks, self._scales):
            losses = fit(self, until, "a learning rate is too high. Lower that of the trial whose loss is no number.")
        return losses.expand(len(self._trials)).tolist()

    def matrices(self, trial: int) -> dict[str, Matrices]:
        """Return what a trial has learned, by the path of the module, without the zeros."""
        found = {}
        rank = self._trials[trial].stage.tuning.rank
        for path, stack in self._stacks.items():
            down, up = stack.down[trial, :rank].detach(), stack.up[trial, :, :rank].detach()
            if bool(down.any()):
                found[path] = Matrices(down, up, float(self._scales[trial]))
        return found

    def one_step(self) -> torch.Tensor:
        """Each trial's loss, shape (trials,)."""
        at = self.step * self._spec.batch_size
        batch = np.concatenate([trial.stream.batch(at, self._spec.batch_size) for trial in self._trials])
        tokens, labels = (torch.from_numpy(part).to(self._model.device) for part in split(batch))
        scores = self._model(input_ids=tokens).logits[:, :-1]  # (trials x batch, length - 1, vocabulary)
        targets = labels[:, 1:]
        losses = cross_entropy(scores.flatten(0, 1).float(), targets.flatten(), reduction="none")
        learned = (targets != UNLEARNED).view(len(self._trials), -1).sum(dim=1).clamp(min=1)
        loss = losses.view(len(self._trials), -1).sum(dim=1) / learned
        loss.sum().backward()  # type: ignore[no-untyped-call]
        clip_each([weight for optimizer in self._optimizers for weight in optimizer.weights], self._spec.max_grad_norm)
        share = rate_share(self.step, self._steps, self._spec.warmup_steps)
        for optimizer in self._optimizers:
            optimizer.step(share)
        self.step += 1
        return loss.detach()


class _AdamW:
    """AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101) with a learning rate for each trial."""

    def __init__(self, weights: Sequence[torch.Tensor], rates: torch.Tensor, decay: float) -> None:
        """`weights`: with the trials as the first of three dimensions; `rates`: shape (trials,)."""
        self.weights = list(weights)
        self._rates = rates[:, None, None]
        self._decay = decay
        self._means = [torch.zeros_like(weight) for weight in weights]
        self._squares = [torch.zeros_like(weight) for weight in weights]
        self._steps = 0

    @torch.no_grad()
    def step(self, share: float) -> None:
        """Go on by the gradients and forget them; `share`: of the learning rates."""
        self._steps += 1
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        update_moments(self._means, self._squares, gradients, _FIRST, _SECOND)
        roots = roots_of(self._squares, (1 - _SECOND**self._steps) ** 0.5, _EPS)
        rates = self._rates * share
        for weight, mean, root in zip(self.weights, self._means, roots, strict=True):
            weight.mul_(1 - rates * self._decay).sub_(rates / (1 - _FIRST**self._steps) * (mean / root))
            weight.grad = None


def _refuse_other_methods(stage: Stage) -> None:
    tuning = stage.tuning
    if tuning.method not in _PACKABLE or tuning.dropout:
        raise MixtuneError(
            f"Adapters are packed where they are {', '.join(_PACKABLE)} without dropout; got {tuning.method} with "
            f"dropout {tuning.dropout:g}. Train this one alone.",
            code="tuning-not-packable",
        )


def _drawn(model: PreTrainedModel, trial: Packed) -> dict[str, Matrices]:
    """An adapter's first weights by the path of its module in the base."""
    with adapted(model, trial.stage, trial.seed) as tuned:
        if tuned.base_model.targeted_parameter_names:
            raise MixtuneError(
                "Adapters on the matrices of experts cannot be packed. Train this one alone.",
                code="experts-not-packable",
            )
        return {
            path: Matrices(
                layer.lora_A[_NAME].weight.detach().clone(),
                layer.lora_B[_NAME].weight.detach().clone(),
                float(layer.scaling[_NAME]),
            )
            for path, layer in tuned.get_base_model().named_modules()
            if isinstance(layer, LoraLayer)
        }


def _stacked(drawn: Sequence[Mapping[str, Matrices]]) -> dict[str, Matrices]:
    """By the path of every module that any trial adapts; a trial without an adapter there has zeros, which stay."""
    rank = max(each.down.shape[0] for matrices in drawn for each in matrices.values())
    shapes = {path: (each.down.shape[1], each.up.shape[0]) for matrices in drawn for path, each in matrices.items()}
    stacks = {}
    for path, (inputs, outputs) in shapes.items():
        there = [matrices.get(path) for matrices in drawn]
        like = next(each for each in there if each is not None)
        nothing = Matrices(like.down.new_zeros(rank, inputs), like.up.new_zeros(outputs, rank))
        filled = [each.filled(rank) if each is not None else nothing for each in there]
        down, up = torch.stack([each.down for each in filled]), torch.stack([each.up for each in filled])
        stacks[path] = Matrices(down.requires_grad_(), up.requires_grad_())
    return stacks
