"""Every dimension: what it draws is what it decodes, and equal parameters give equal parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import optuna
import pytest

from spaces import Corpus, Layout
from spaces.choices import RateRange
from spaces.dimensions import Dimension
from spaces.dimensions.layers import LayersDimension
from spaces.dimensions.limited import LimitedDimension
from spaces.dimensions.one_text import OneTextDimension
from spaces.dimensions.optimization import LearningRateDimension
from spaces.dimensions.shares import SharesDimension
from spaces.dimensions.texts import TextsDimension
from spaces.dimensions.tuning import TuningDimension
from spaces.spec import LayersSpec, TextsSpec, TuningSpec

_Make = Callable[[Corpus, Layout], Dimension[object]]

_CASES: Mapping[str, _Make] = {
    "texts, subset": lambda corpus, _: TextsDimension(TextsSpec(folder=corpus.folder), corpus),
    "texts, weights": lambda corpus, _: SharesDimension(TextsSpec(folder=corpus.folder, choose="weights"), corpus),
    "texts, limited": lambda corpus, _: LimitedDimension(TextsSpec(folder=corpus.folder, max_texts=2), corpus),
    "texts, one": lambda corpus, _: OneTextDimension(TextsSpec(folder=corpus.folder, choose="one"), corpus),
    "texts, all": lambda corpus, _: TextsDimension(TextsSpec(folder=corpus.folder, choose="all"), corpus),
    "tuning, searched": lambda _, layout: TuningDimension(TuningSpec(rank=[4, 8], dropout=[0.0, 0.1]), layout),
    "tuning, conditional": lambda _, layout: TuningDimension(
        TuningSpec(method=["lora", "ia3", "full"], rank=[4, 8], targets=["mlp", "attention"]), layout
    ),
    "tuning, fixed": lambda _, layout: TuningDimension(TuningSpec(), layout),
    "layers, any": lambda _, layout: LayersDimension(LayersSpec(min=1), layout),
    "layers, frozen": lambda _, layout: LayersDimension(LayersSpec(freeze=["0", "-2 to -1"]), layout),
    "layers, listed": lambda _, layout: LayersDimension(["all", "0-2"], layout),
    "layers, fixed": lambda _, layout: LayersDimension("3", layout),
    "rate, searched": lambda *_: LearningRateDimension(RateRange(low=1e-5, high=1e-2)),
    "rate, fixed": lambda *_: LearningRateDimension(1e-3),
}


@pytest.fixture(params=_CASES)
def dimension(request: pytest.FixtureRequest, corpus: Corpus, layout: Layout) -> Dimension[object]:
    return _CASES[request.param](corpus, layout)


def test_what_is_drawn_can_be_decoded(dimension: Dimension[object]) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(20):
        params = study.ask(dict(dimension.distributions())).params
        assert dimension.decode(params) == dimension.decode(dict(params))


def test_parameters_of_other_dimensions_are_ignored(dimension: Dimension[object]) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=2))
    params = study.ask(dict(dimension.distributions())).params
    assert dimension.decode({**params, "something else": 5}) == dimension.decode(params)


def test_distributions_do_not_change(dimension: Dimension[object]) -> None:
    assert dict(dimension.distributions()) == dict(dimension.distributions())
