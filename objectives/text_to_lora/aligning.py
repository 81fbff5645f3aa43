"""Making adapters comparable that were trained from different first weights."""

from __future__ import annotations

import torch
from torch.nn.functional import pad

from objectives.text_to_lora.adapters import Adapters
from objectives.training.stacked import Matrices

_ROUNDS = 5
"""Of turning everything towards the mean; it changes no more then."""


def aligned(adapters: Adapters) -> Adapters:
    """The adapters, each with its change of the base unaltered, with A and B as alike between them as they can be.

    B R and R⁻¹ A make the same change for every invertible R, so matrices that were trained from different first
    weights differ where their changes do not, and a mean of them means nothing. Here A and B of each share the
    singular values of their product alike, and a rotation is left; it is chosen so that they come near the mean of all
    (generalized Procrustes analysis; Gower, 1975).
    """
    return Adapters(adapters.target, {path: _aligned(each) for path, each in adapters.matrices.items()})


def _aligned(each: Matrices) -> Matrices:
    left, upper = torch.linalg.qr(each.up)
    right, lower = torch.linalg.qr(each.down.mT)
    one, sizes, other = torch.linalg.svd(upper @ lower.mT, full_matrices=False)
    roots = sizes.sqrt().diag_embed()
    both = torch.cat([left @ one @ roots, right @ other.mT @ roots], dim=-2)  # (n, layers, outputs + inputs, ranks)
    both = pad(both, (0, each.down.shape[-2] - both.shape[-1]))  # a module may have fewer outputs than the rank
    biggest = both.flatten(1).norm(dim=1).argmax()
    towards = both[biggest]
    for _ in range(_ROUNDS):
        turn, _, back = torch.linalg.svd(both.mT @ towards)
        both = both @ (turn @ back)
        towards = both.mean(dim=0)
    outputs = each.up.shape[-2]
    return Matrices(both[..., outputs:, :].mT.contiguous(), both[..., :outputs, :].contiguous())
