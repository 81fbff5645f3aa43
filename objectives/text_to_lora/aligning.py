"""Alignment of adapters that were trained from different initial weights."""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from objectives.text_to_lora.adapters import Adapters
from objectives.training.stacked import Matrices

_ROUNDS = 5
"""Iterations of the Procrustes alignment; more change nothing."""


def aligned(adapters: Adapters) -> Adapters:
    """Make A and B of all adapters as similar as possible, without altering each adapter's change of the base.

    B R and R⁻¹ A give the same change for every invertible R. Matrices that were trained from different initial weights
    can therefore differ even if their changes are equal, and their mean is meaningless. Here A and B of each adapter
    get equal shares of the singular values of their product. The remaining rotation is chosen to bring them close to
    the mean of all adapters (generalized Procrustes analysis; Gower, 1975).
    """
    return Adapters(adapters.target, {path: _aligned(each) for path, each in adapters.matrices.items()})


def _aligned(matrices: Matrices) -> Matrices:
    left, upper = torch.linalg.qr(matrices.up)
    right, lower = torch.linalg.qr(matrices.down.mT)
    u, singular_values, vh = torch.linalg.svd(upper @ lower.mT, full_matrices=False)
    roots = singular_values.sqrt().diag_embed()
    joint = torch.cat([left @ u @ roots, right @ vh.mT @ roots], dim=-2)  # (n, layers, outputs + inputs, ranks)
    joint = pad(joint, (0, matrices.down.shape[-2] - joint.shape[-1]))  # a module may have fewer outputs than the rank
    largest = joint.flatten(1).norm(dim=1).argmax()
    reference = joint[largest]
    for _ in range(_ROUNDS):
        left_rotation, _, right_rotation = torch.linalg.svd(joint.mT @ reference)
        joint = joint @ (left_rotation @ right_rotation)
        reference = joint.mean(dim=0)
    outputs = matrices.up.shape[-2]
    return Matrices(joint[..., outputs:, :].mT.contiguous(), joint[..., :outputs, :].contiguous())
