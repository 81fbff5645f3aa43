"""The one training loop."""

from __future__ import annotations

import math

import pytest
import torch

from objectives.training.fit import descend, fit
from tests.support.refusals import refused

pytestmark = pytest.mark.torch


class Sums:
    """Its loss is the number of the step, one for each of `width` adapters."""

    def __init__(self, width: int = 1, broken: int = -1) -> None:
        self.step = 0
        self._width = width
        self._broken = broken

    def one_step(self) -> torch.Tensor:
        self.step += 1
        return torch.full((self._width,), math.nan if self.step == self._broken else float(self.step))


def test_the_mean_loss_is_that_of_the_steps_that_were_made() -> None:
    learner = Sums(width=3)
    assert fit(learner, 4, "").tolist() == [2.5] * 3
    assert fit(learner, 6, "").tolist() == [5.5] * 3
    assert learner.step == 6
    assert fit(learner, 6, "").item() == 0, "no steps, no loss"


def test_progress_hears_of_every_step() -> None:
    heard: list[tuple[int, float]] = []
    fit(Sums(), 3, "", lambda step, loss: heard.append((step, loss)))
    assert heard == [(1, 1.0), (2, 2.0), (3, 3.0)]


@pytest.mark.parametrize("watched", [True, False])
def test_a_loss_that_is_no_number_ends_the_run(watched: bool) -> None:
    learner = Sums(width=2, broken=3)
    with refused("loss-diverged", "lower the rate"):
        fit(learner, 10, "lower the rate", (lambda _step, _loss: None) if watched else None)
    assert learner.step == (3 if watched else 10), "who is told of every loss hears of it at once"


def test_a_step_goes_down_at_a_share_of_each_groups_peak() -> None:
    slow, fast = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [slow], "peak": 0.1}, {"params": [fast], "peak": 0.4}])
    (slow + fast).sum().backward()  # type: ignore[no-untyped-call]
    descend(optimizer, 0.5)
    assert (slow.item(), fast.item()) == pytest.approx((0.95, 0.8))
    assert slow.grad is None
