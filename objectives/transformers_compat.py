"""Private parts of transformers that this program relies on: the one place to look when a new version fails.

Tested with transformers 5.23.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def attention_implementation(model: PreTrainedModel) -> str | None:
    """Return the attention implementation of a model, such as `sdpa`, or None if none was set.

    Reads the private `config._attn_implementation`. `set_attn_implementation` is public, but there is no public getter.
    """
    implementation: str | None = model.config._attn_implementation
    return implementation
