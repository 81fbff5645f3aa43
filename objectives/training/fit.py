"""The training loop, the same for fine-tuning, packed trials, pretraining and hypernetworks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from spaces import MixtuneError


class Learner(Protocol):
    """A model, or several adapters side by side, that `fit` trains step by step."""

    step: int
    """Steps trained so far."""

    def one_step(self) -> torch.Tensor:
        """Train on the next batch; return the detached loss: a scalar, or one value per adapter."""
        ...


def fit(
    learner: Learner, until: int, advice: str, progress: Callable[[int, float], None] | None = None
) -> torch.Tensor:
    """Train up to a cumulative number of steps.

    Args:
        learner: learner to train.
        until: step to stop after, cumulative.
        advice: end of the error message if the loss is not finite.
        progress: called after every step with the step and its loss; this synchronizes with the device.

    Returns:
        The mean loss of these steps in double precision, with the shape of a step's loss.

    Raises:
        MixtuneError: the loss is no longer finite.
    """
    first, total = learner.step, torch.zeros(())
    while learner.step < until:
        loss = learner.one_step()
        if progress is not None:  # one synchronization per step
            loss = loss.cpu().double()
            refuse_infinite(loss, first, learner.step, advice)
            progress(learner.step, loss.mean().item())
        total = total.to(loss.device) + loss
    mean = total.cpu().double() / max(1, until - first)  # Apple's devices have no double precision
    refuse_infinite(mean, first, until, advice)
    return mean


def refuse_infinite(loss: torch.Tensor, first: int, until: int, advice: str) -> None:
    """Check that a loss is finite.

    Raises:
        MixtuneError: the loss is infinite or not a number.
    """
    if not bool(torch.isfinite(loss).all()):
        raise MixtuneError(
            f"The training loss became {loss.tolist()} between steps {first} and {until}: {advice}",
            code="loss-diverged",
        )


def descend(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Update weights and clear their gradients; the rate of each group is this share of its `peak`."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def rate_share(step: int, steps: int, warmup: int) -> float:
    """Return the share of the peak learning rate: linear warm-up, then linear decay to zero after the last step."""
    warmup = min(warmup, steps - 1)
    return min((step + 1) / (warmup + 1), (steps - step) / (steps - warmup))
