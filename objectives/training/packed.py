"""Joint training of several trials' LoRA adapters on one base, with stacked matrices and zero-padded ranks.

Small training steps leave a CPU or GPU idle between operations; several trials in one step use it better. Batching over
adapters follows mLoRA (Ye et al., 2023, arXiv 2312.02515).
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
"""Name that peft gives to the first adapter."""
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8
"""AdamW's beta1, beta2 and epsilon; torch's defaults."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Trial to train together with others."""

    stage: Stage
    seed: int
    stream: MixStream


class PackedTrainer:
    """Trainer of several adapters side by side, with the same result as if each was trained alone."""

    def __init__(self, model: PreTrainedModel, trials: Sequence[Packed], spec: FinetuneSpec, steps: int) -> None:
        """Initialize every adapter as for a single trial, and stack them.

        Args:
            model: the base, without an adapter.
            trials: trials to train; each reads its own stream.
            spec: training settings, the same for all trials.
            steps: number of steps of the whole run.

        Raises:
            MixtuneError: a trial uses another method than plain LoRA or uses dropout, or the settings use gradient
                checkpointing or accumulation.
        """
        if spec.gradient_checkpointing or spec.gradient_accumulation_steps > 1:
            raise MixtuneError(
                "Packed adapters need gradient_accumulation_steps: 1 and gradient_checkpointing: false. "
                "Train them alone.",
                code="run-not-packable",
            )
        for trial in trials:
            _refuse_other_methods(trial.stage)
        self._model = model
        self._trials = tuple(trials)
        self._spec = spec
        self._steps = steps
        initial = [_initial_matrices(model, trial) for trial in trials]
        self._stacks = _stack(initial)
        self._scales = torch.tensor([next(iter(matrices.values())).scale for matrices in initial], device=model.device)
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
            MixtuneError: a loss is no longer finite.
        """
        with attached(self._model, self._stacks, self._scales):
            losses = fit(self, until, "a learning rate is too high. Lower that of the trial whose loss is not finite.")
        return losses.expand(len(self._trials)).tolist()

    def matrices(self, trial: int) -> dict[str, Matrices]:
        """Return the LoRA matrices of a trial by module path, without the padding."""
        matrices = {}
        rank = self._trials[trial].stage.tuning.rank
        for path, stack in self._stacks.items():
            down, up = stack.down[trial, :rank].detach(), stack.up[trial, :, :rank].detach()
            if bool(down.any()):
                matrices[path] = Matrices(down, up, float(self._scales[trial]))
        return matrices

    def one_step(self) -> torch.Tensor:
        """Train on the next batch of every trial; return the losses, shape (trials,)."""
        start = self.step * self._spec.batch_size
        batch = np.concatenate([trial.stream.batch(start, self._spec.batch_size) for trial in self._trials])
        tokens, labels = (torch.from_numpy(part).to(self._model.device) for part in split(batch))
        logits = self._model(input_ids=tokens).logits[:, :-1]  # (trials x batch, length - 1, vocabulary)
        targets = labels[:, 1:]
        losses = cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
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
        """`weights`: tensors of three dimensions, trials first; `rates`: peak learning rates, shape (trials,)."""
        self.weights = list(weights)
        self._rates = rates[:, None, None]
        self._decay = decay
        self._means = [torch.zeros_like(weight) for weight in weights]
        self._squares = [torch.zeros_like(weight) for weight in weights]
        self._steps = 0

    @torch.no_grad()
    def step(self, share: float) -> None:
        """Update the weights and clear the gradients; `share`: factor of the learning rates."""
        self._steps += 1
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        update_moments(self._means, self._squares, gradients, _BETA1, _BETA2)
        roots = roots_of(self._squares, (1 - _BETA2**self._steps) ** 0.5, _EPS)
        rates = self._rates * share
        for weight, mean, root in zip(self.weights, self._means, roots, strict=True):
            weight.mul_(1 - rates * self._decay).sub_(rates / (1 - _BETA1**self._steps) * (mean / root))
            weight.grad = None


def _refuse_other_methods(stage: Stage) -> None:
    tuning = stage.tuning
    if tuning.method not in _PACKABLE or tuning.dropout:
        raise MixtuneError(
            f"Packed adapters must use {', '.join(_PACKABLE)} without dropout; got {tuning.method} with "
            f"dropout {tuning.dropout:g}. Train this one alone.",
            code="tuning-not-packable",
        )


def _initial_matrices(model: PreTrainedModel, trial: Packed) -> dict[str, Matrices]:
    """Return the initial weights of a trial's adapter, by module path in the base."""
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


def _stack(initial: Sequence[Mapping[str, Matrices]]) -> dict[str, Matrices]:
    """Stack the matrices of all trials by module path; trials without an adapter on a module keep zeros there."""
    rank = max(matrix.down.shape[0] for matrices in initial for matrix in matrices.values())
    shapes = {
        path: (matrix.down.shape[1], matrix.up.shape[0]) for matrices in initial for path, matrix in matrices.items()
    }
    stacks = {}
    for path, (inputs, outputs) in shapes.items():
        present = [matrices.get(path) for matrices in initial]
        example = next(matrix for matrix in present if matrix is not None)
        zeros = Matrices(example.down.new_zeros(rank, inputs), example.up.new_zeros(outputs, rank))
        filled = [matrix.filled(rank) if matrix is not None else zeros for matrix in present]
        down, up = torch.stack([matrix.down for matrix in filled]), torch.stack([matrix.up for matrix in filled])
        stacks[path] = Matrices(down.requires_grad_(), up.requires_grad_())
    return stacks
