"""Every base: its layout agrees with its weights, and it comes frozen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from objectives.bases import BASES

if TYPE_CHECKING:
    from objectives.worker import Base

pytestmark = pytest.mark.torch


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Base:
    from objectives.bases.tiny import FOLDER
    from objectives.worker import open_base

    names = {"tiny": "tiny", "hub": str(FOLDER)}
    assert set(names) == set(BASES), "a new base needs an example here"
    return open_base(names[request.param])


def test_the_layout_is_the_models(base: Base) -> None:
    import torch

    from objectives.bases.layout import find_blocks

    layout = base.layout()
    base.fetch()
    _, blocks = find_blocks(base.model("float32", "cpu"))
    assert layout.layers == len(blocks)
    for block in blocks:
        for module in layout.modules:
            found = block.get_submodule(module.path)
            assert isinstance(found, torch.nn.Linear)
            assert (found.in_features, found.out_features) == (module.inputs, module.outputs)


def test_it_comes_frozen_and_ready_to_be_measured(base: Base) -> None:
    model = base.model("float32", "cpu")
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


def test_its_tokenizer_gives_a_text_back(base: Base) -> None:
    tokenizer = base.tokenizer()
    text = "the fox is heavier than the bee.\nno wolf is edible."
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert len(tokenizer) <= base.model("float32", "cpu").get_input_embeddings().num_embeddings
