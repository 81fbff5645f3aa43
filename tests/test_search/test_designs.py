"""Laws of every design: who says `choose: NAME` gets draws that are fair, and the same whenever asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from search.arms import Arms
from search.designs import DESIGNS, design_of
from search.storage.records import PAIR, SEED
from spaces import Corpus, CorpusMix, Layout, Module, Space, SpaceSpec, Text
from spaces.dimensions.shares import SharesDimension, parameters_of
from spaces.spec import TextsSpec
from tests.support.studies import searcher_on


def space_of(choose: str, texts: int) -> Space:
    names = [f"text-{i}" for i in range(texts)]
    corpus = Corpus(Path("nowhere"), tuple(Text(name, (), name, 10, "") for name in names))
    fields = {"choose": "subset", "min_texts": 2, "max_texts": 4} if choose == "limited" else {"choose": choose}
    spec = SpaceSpec.model_validate({"texts": {"folder": "x", **fields}, "learning_rate": 1e-3})
    return Space(spec, corpus, Layout("base", 2, (Module("self_attn.q_proj", 8, 8),), context=64), 100)


def mixes_of(choose: str, texts: int, blocks: int, seed: int) -> list[list[CorpusMix]]:
    space = space_of(choose, texts)
    design = design_of(space, seed)
    assert design is not None
    return [[space.decode(dict(params), 0).stages[0].mix for params in design.block(i)] for i in range(blocks)]


@pytest.mark.parametrize("choose", list(DESIGNS))
def test_blocks_have_their_size_and_never_change(choose: str) -> None:
    design = design_of(space_of(choose, 5), 3)
    assert design is not None
    assert len(design.block(7)) == design.size
    assert design.block(7) == design.block(7)
    assert mixes_of(choose, 5, 20, 1) != mixes_of(choose, 5, 20, 2)


@pytest.mark.parametrize("choose", list(DESIGNS))
def test_over_blocks_every_text_has_the_same_part(choose: str) -> None:
    trials = [mix for block in mixes_of(choose, 4, 1000, 0) for mix in block]
    parts = [sum(dict(mix.weights).get(f"text-{i}", 0.0) for mix in trials) for i in range(4)]
    assert max(parts) / min(parts) < 1.1


def test_a_block_of_single_texts_has_each_once() -> None:
    for block in mixes_of("one", 6, 30, 0):
        assert sorted(mix.names[0] for mix in block) == [f"text-{i}" for i in range(6)]


def test_swapped_mixes_have_one_size_and_as_little_in_common_as_can_be() -> None:
    sizes = set()
    for one, other in mixes_of("limited", 5, 200, 0):
        assert len(one.names) == len(other.names)
        assert len(set(one.names) & set(other.names)) == max(0, 2 * len(one.names) - 5)
        sizes.add(len(one.names))
    assert sizes == {2, 3, 4}


def test_turned_shares_are_the_same_numbers_the_other_way_round() -> None:
    for one, other in mixes_of("weights", 5, 30, 0):
        shares, turned = (np.array([dict(mix.weights).get(f"text-{i}", 0.0) for i in range(5)]) for mix in (one, other))
        assert np.sort(shares) == pytest.approx(np.sort(turned), abs=1e-4)
        assert shares.argmax() == turned.argmin()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=9).filter(lambda x: sum(x) > 0.1))
def test_every_mix_has_its_numbers(sizes: list[float]) -> None:
    shares = np.array(sizes) / sum(sizes)
    names = [f"t{i}" for i in range(len(shares))]
    corpus = Corpus(Path("nowhere"), tuple(Text(name, (), name, 10, "") for name in names))
    dimension = SharesDimension(TextsSpec(folder=Path("x"), choose="weights"), corpus)
    mix = dict(dimension.decode(parameters_of(names, shares.tolist())).weights)
    assert [mix.get(name, 0.0) for name in names] == pytest.approx(shares.tolist(), abs=1e-5)


def test_numbers_at_random_are_shares_at_random() -> None:
    """Even numbers give the flat Dirichlet: each share has mean 1/k and variance (k - 1) / (k^2 (k + 1))."""
    names = [f"t{i}" for i in range(4)]
    corpus = Corpus(Path("nowhere"), tuple(Text(name, (), name, 10, "") for name in names))
    dimension = SharesDimension(TextsSpec(folder=Path("x"), choose="weights"), corpus)
    rng = np.random.default_rng(0)
    draws = [
        dict(dimension.decode(dict(zip(dimension.distributions(), rng.random(3), strict=True))).weights)
        for _ in range(5000)
    ]
    shares = np.array([[mix.get(name, 0.0) for name in names] for mix in draws])
    assert shares.mean(axis=0) == pytest.approx([0.25] * 4, abs=0.01)
    assert shares.var(axis=0) == pytest.approx([3 / 80] * 4, abs=0.003)


@pytest.mark.parametrize("choose", list(DESIGNS))
def test_trials_of_a_block_share_settings_and_seed(corpus: Corpus, choose: str) -> None:
    texts = {"max_texts": 2} if choose == "limited" else {"choose": choose}
    searcher = searcher_on(corpus, space={"texts": texts}, trials=24, randomized_share=1.0)
    configs = []
    while (assignment := searcher.ask()) is not None:
        configs.append(assignment.config)
        if len(configs) == 24:
            break
    trials = searcher._log._ledger.trials()
    blocks: dict[int, list[tuple[int, float]]] = {}
    for trial, config in zip(trials, configs, strict=True):
        blocks.setdefault(trial.user_attrs[PAIR], []).append((trial.user_attrs[SEED], config.stages[0].learning_rate))
    assert all(len(set(members)) == 1 for members in blocks.values())
    assert len(blocks) == 24 // (4 if choose == "one" else 2)


@pytest.mark.parametrize(("choose", "goes_on"), [("one", True), ("subset", False), ("weights", False)])
def test_after_a_failure_only_single_texts_go_on_with_their_block(corpus: Corpus, choose: str, goes_on: bool) -> None:
    searcher = searcher_on(corpus, space={"texts": {"choose": choose}}, trials=8, randomized_share=1.0)
    first = searcher.ask()
    assert first is not None
    searcher.fail(first.number, "for the test")
    searcher.ask()
    one, other = searcher._log._ledger.trials()
    assert one.state is TrialState.FAIL
    assert (one.user_attrs[PAIR] == other.user_attrs[PAIR]) is goes_on


def test_texts_that_are_fixed_have_no_design() -> None:
    assert design_of(space_of("all", 3), 0) is None
    assert design_of(space_of("one", 1), 0) is None
    assert isinstance(Arms(None, 0.5, 0).next([]).attributes[SEED], int)
