"""Private names of torch that `objectives.torch_compat` uses still exist and do what they did."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4, 6), (2, 3, 6)])
def test_onednn_multiplies_as_torch_does(bias: bool, shape: tuple[int, ...]) -> None:
    import torch

    from objectives.torch_compat import multiply

    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        pytest.skip("this torch has no oneDNN")
    torch.manual_seed(0)
    inputs, weight = torch.randn(shape), torch.randn(5, 6)
    added = torch.randn(5) if bias else None
    wanted = torch.nn.functional.linear(inputs, weight, added)
    assert torch.allclose(multiply(inputs, weight, added), wanted, atol=1e-5)
    turned = weight.t().contiguous().t()  # as in a backward pass: rows and columns stand otherwise in memory
    assert torch.allclose(multiply(inputs, turned, added), wanted, atol=1e-5)


def test_adams_moments_go_on_for_all_weights_at_once() -> None:
    import torch

    from objectives.torch_compat import update_moments

    torch.manual_seed(0)
    means, squares, gradients = ([torch.rand(2, 3), torch.rand(4, 1)] for _ in range(3))
    wanted = [0.9 * mean + 0.1 * gradient for mean, gradient in zip(means, gradients, strict=True)]
    wanted += [0.99 * square + 0.01 * gradient**2 for square, gradient in zip(squares, gradients, strict=True)]
    update_moments(means, squares, gradients, 0.9, 0.99)
    for found, by_hand in zip([*means, *squares], wanted, strict=True):
        torch.testing.assert_close(found, by_hand)


def test_roots_leave_the_squares_as_they_are() -> None:
    import torch

    from objectives.torch_compat import roots_of

    squares = [torch.tensor([[4.0, 9.0]]), torch.tensor([16.0])]
    found = roots_of(squares, 2.0, 0.5)
    assert [each.tolist() for each in found] == [[[1.5, 2.0]], [2.5]]
    assert [each.tolist() for each in squares] == [[[4.0, 9.0]], [16.0]]
