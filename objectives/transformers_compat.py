"""What is taken of transformers that it does not promise: the one place to look when a new version fails.

Tried with transformers 5.23.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def way_of_attention(model: PreTrainedModel) -> str | None:
    """The way in which a model computes attention, such as `sdpa`; None where it was never chosen.

    Reads the private `config._attn_implementation`. `set_attn_implementation` is public, but there is no public name
    for what was set.
    """
    found: str | None = model.config._attn_implementation
    return found
