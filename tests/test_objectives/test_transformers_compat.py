"""Private names of transformers that `objectives.transformers_compat` uses still exist and do what they did."""

from __future__ import annotations

import pytest

from tests.support.architectures import random_model

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("way", ["sdpa", "eager"])
def test_the_way_of_attention_that_was_set_can_be_read(way: str) -> None:
    from objectives.transformers_compat import attention_implementation

    model = random_model("llama")
    usual = attention_implementation(model)
    assert usual is not None, "transformers no longer keeps the way of attention in `config._attn_implementation`"
    model.set_attn_implementation(way)
    try:
        assert attention_implementation(model) == way
    finally:
        model.set_attn_implementation(usual)
