"""The training loop, the same for fine-tuning, packed trials, pretraining and hypernetworks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch

from spaces import MixtuneError


class Learner(Protocol):
    """A model, or several adapters side by side, that `fit` trains step by step."""

    step: int
    """Steps that were made."""

    def one_step(self) -> torch.Tensor:
        """Train on the next batch; return its loss, detached: one figure, or one for each of several adapters."""
        ...


def fit(
    learner: Learner, until: int, advice: str, progress: Callable[[int, float], None] | None = None
) -> torch.Tensor:
    """Train up to a cumulative number of steps.

    Args:
        learner: what is trained.
        until: the step to stop after.
        advice: a sentence for whoever meets a loss that is not a number.
        progress: hears of every step and its loss, which is waited for then.

    Returns:
        The mean loss of these steps, in double precision, of the shape of a step's loss.

    Raises:
        MixtuneError: the loss is not a number any more.
    """
    first, total = learner.step, torch.zeros(())
    while learner.step < until:
        loss = learner.one_step()
        if progress is not None:  # it is waited for here, once
            loss = loss.cpu().double()
            refuse_infinite(loss, first, learner.step, advice)
            progress(learner.step, loss.mean().item())
        total = total.to(loss.device) + loss
    mean = total.cpu().double() / max(1, until - first)  # Apple's devices have no double precision
    refuse_infinite(mean, first, until, advice)
    return mean


def refuse_infinite(loss: torch.Tensor, first: int, until: int, advice: str) -> None:
    """See that a loss is a number.

    Raises:
        MixtuneError: it is not.
    """
    if not bool(torch.isfinite(loss).all()):
        raise MixtuneError(
            f"The training loss became {loss.tolist()} between steps {first} and {until}: {advice}",
            code="loss-diverged",
        )


def descend(optimizer: torch.optim.Optimizer, share: float) -> None:
    """Change weights by their gradients, and forget these; each group's rate is this share of its `peak`."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def rate_share(step: int, steps: int, warmup: int) -> float:
    """Share of the peak learning rate: rises over the warm-up, then falls to zero at the last step."""
    warmup = min(warmup, steps - 1)
    return min((step + 1) / (warmup + 1), (steps - step) / (steps - warmup))
