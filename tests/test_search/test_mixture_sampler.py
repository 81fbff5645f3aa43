"""The sampler for mixes: its coordinates, what it makes of trials without a full score, and how it proposes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.drawing import draw
from search.samplers import build_sampler
from search.samplers.mixture.encoding import Encoding
from search.samplers.mixture.kernels import Parts
from search.samplers.mixture.observations import observations
from search.samplers.mixture.process import Process
from search.samplers.mixture.sampler import propose
from spaces import Corpus, Text
from spaces.dimensions.limited import LimitedDimension
from spaces.dimensions.one_text import OneTextDimension
from spaces.dimensions.shares import SharesDimension
from spaces.dimensions.texts import TextsDimension
from spaces.spec import TextsSpec

_NAMES = ("zeta", "alpha", "mu", "beta", "iota")
_RATE = {"learning_rate": FloatDistribution(1e-4, 1e-2, log=True)}
_SETTINGS: Mapping[str, BaseDistribution] = {
    **_RATE,
    "tuning.rank": CategoricalDistribution([4, 8, 16]),
    "tuning.targets": CategoricalDistribution(["attention", "mlp"]),
    "tuning.dropout": FloatDistribution(0.0, 0.3),
    "layers.count": IntDistribution(1, 4),
}
_BITS: Mapping[str, BaseDistribution] = {
    **{f"text:{name}": IntDistribution(0, 1) for name in _NAMES},
    **_RATE,
}
_FORMS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "subset": (TextsDimension, {"choose": "subset"}),
    "limited": (LimitedDimension, {"choose": "subset", "min_texts": 2, "max_texts": 4}),
    "one": (OneTextDimension, {"choose": "one"}),
    "weights": (SharesDimension, {"choose": "weights"}),
}


def dimension(form: str) -> Any:
    make, fields = _FORMS[form]
    corpus = Corpus(Path("nowhere"), tuple(Text(name, (), name, 1, "") for name in _NAMES))
    return make(TextsSpec.model_validate({"folder": "nowhere", **fields}), corpus)


def ended(
    space: Mapping[str, BaseDistribution],
    params: Mapping[str, Any],
    score: float | None,
    rungs: Mapping[int, float] | None = None,
    state: TrialState = TrialState.COMPLETE,
) -> FrozenTrial:
    return create_trial(
        params=dict(params), distributions=dict(space), value=score, intermediate_values=dict(rungs or {}), state=state
    )


def history(space: Mapping[str, BaseDistribution], scores: Sequence[float], seed: int = 0) -> list[FrozenTrial]:
    encoding = Encoding(space)
    points = encoding.uniform(len(scores), np.random.default_rng(seed))
    return [ended(space, encoding.params(point), score) for point, score in zip(points, scores, strict=True)]


def proposed(space: Mapping[str, BaseDistribution], trials: Sequence[FrozenTrial], seed: int = 0) -> dict[str, Any]:
    study = optuna.create_study(direction="maximize", sampler=build_sampler("mixture", seed, trials=0))
    study.add_trials(trials)
    return draw(study, begun(study), space)


def begun(study: optuna.Study) -> FrozenTrial:
    """A new trial without parameters."""
    number = study.ask().number
    return study.get_trials()[number]


@pytest.mark.parametrize("form", _FORMS)
def test_mixes_are_those_of_the_space(form: str) -> None:
    texts = dimension(form)
    encoding = Encoding(texts.distributions())
    points = encoding.uniform(40, np.random.default_rng(1))
    assert encoding.texts == len(_NAMES)
    for point, mix in zip(points, encoding.mixes(points), strict=True):
        decoded = dict(texts.decode(encoding.params(point)).weights)
        shares = [decoded.get(name, 0.0) for name in _NAMES]
        np.testing.assert_allclose(mix**2 / max((mix**2).sum(), 1.0), shares, atol=2e-6)


def test_equal_mixes_have_equal_features() -> None:
    """Without what is left of the stick, further breaks say nothing; of keys, only their order counts."""
    shares = Encoding(dimension("weights").distributions())
    breaks = np.array([[0.0, 0.1, 0.9, 0.4], [0.0, 0.7, 0.2, 0.5]])
    one, other = Parts(shares).features(breaks).mixes
    assert one == pytest.approx(other)
    limited = Encoding(dimension("limited").distributions())
    count, *keys = next(iter(limited.uniform(1, np.random.default_rng(0))))
    squeezed = np.array([[count, *keys], [count, *(key / 2 for key in keys)]])
    assert np.ptp(Parts(limited).features(squeezed).mixes, axis=0).max() == 0


@pytest.mark.parametrize("form", [*_FORMS, "settings"])
def test_coordinates_and_parameters_are_each_others_inverse(form: str) -> None:
    space = _SETTINGS if form == "settings" else {**dimension(form).distributions(), **_SETTINGS}
    encoding = Encoding(space)
    points = encoding.uniform(30, np.random.default_rng(2))
    trials = [ended(space, encoding.params(point), 0.0) for point in points]  # refuses values outside of the space
    again = [encoding.params(point) for point in encoding.points(trials)]
    for trial, params in zip(trials, again, strict=True):
        assert params == pytest.approx(trial.params)
    numbers = [name for name, one in space.items() if not isinstance(one, CategoricalDistribution)]
    for name in numbers:
        assert len({trial.params[name] for trial in trials}) > 1


def test_the_diagonal_is_what_a_point_has_with_itself() -> None:
    encoding = Encoding({**dimension("weights").distributions(), **_SETTINGS})
    parts = Parts(encoding)
    features = parts.features(encoding.uniform(20, np.random.default_rng(3)))
    full = parts.between(features, features)
    np.testing.assert_allclose(np.diagonal(full, axis1=1, axis2=2), parts.alone(features), atol=1e-12)
    assert len(full) == len(parts.prior)
    assert min(np.linalg.eigvalsh(part).min() for part in full) > -1e-9


def test_the_first_trial_has_all_texts_alike_and_settings_in_the_middle() -> None:
    for form in ("subset", "weights"):
        texts = dimension(form)
        params = proposed({**texts.distributions(), **_SETTINGS}, [])
        decoded = dict(texts.decode(params).weights)
        assert decoded == pytest.approx(dict.fromkeys(_NAMES, 0.2))
        assert params["learning_rate"] == pytest.approx(1e-3)
        assert params["tuning.rank"] == 8


def test_proposals_repeat_under_one_seed_and_differ_under_others() -> None:
    trials = history(_BITS, [0.1, 0.5, 0.3, 0.2, 0.4])
    assert proposed(_BITS, trials, seed=4) == proposed(_BITS, trials, seed=4)
    assert proposed(_BITS, trials, seed=4) != proposed(_BITS, trials, seed=5)


def test_what_runs_already_is_not_proposed_again() -> None:
    trials = history(_BITS, [0.1, 0.5, 0.3, 0.2, 0.4])
    first = proposed(_BITS, trials)
    running = ended(_BITS, first, None, state=TrialState.RUNNING)
    second = proposed(_BITS, [*trials, running])
    assert {name: second[name] for name in second if name.startswith("text:")} != {
        name: first[name] for name in first if name.startswith("text:")
    }


def test_a_belief_leaves_the_mean_and_takes_doubt() -> None:
    encoding = Encoding(_BITS)
    points = encoding.uniform(12, np.random.default_rng(0))
    parts = Parts(encoding)
    before = Process.fitted(parts, points[:8], np.linspace(-1, 1, 8), np.zeros(8))
    after = before.believing(points[8:])
    (mean, spread), (same, less) = (process.predict(parts.features(points)) for process in (before, after))
    assert same == pytest.approx(mean, abs=1e-5)
    assert (less <= spread + 1e-9).all()
    assert (less[8:] < 0.8 * spread[8:]).all()


def test_a_pruned_trial_counts_as_what_its_full_training_would_give() -> None:
    """Full scores are twice the early ones plus .1; the trial that was pruned at .3 would have ended at .7."""
    space = {"learning_rate": FloatDistribution(0.0, 1.0)}
    early = np.linspace(0.1, 0.5, 21)
    full = [ended(space, {"learning_rate": x}, 2 * x + 0.1, {300: x, 900: 2 * x + 0.1}) for x in early]
    pruned = ended(space, {"learning_rate": 0.3}, None, {300: 0.3}, state=TrialState.PRUNED)
    known = observations([*full, pruned], 1.0)
    nearest = int(np.abs(early - 0.3).argmin())
    others = np.delete(np.abs(known.scores[:21] - known.scores[21]), nearest)
    assert abs(known.scores[nearest] - known.scores[21]) < others.min()
    assert known.extra[21] > 0
    assert not known.extra[:21].any()
    alone = observations([full[0], pruned], 1.0)
    assert alone.extra[1] > known.extra[21]  # one pair of an early and a full score tells less than 21


def test_lower_is_better_in_a_study_that_minimizes() -> None:
    trials = history(_BITS, [0.1, 0.5, 0.3])
    up, down = (observations(trials, sign) for sign in (1.0, -1.0))
    assert np.argsort(up.scores).tolist() == np.argsort(down.scores)[::-1].tolist()


@pytest.mark.parametrize("scores", [[0.5], [0.5, 0.5, 0.5], [0.0] * 12, [1e-300, 1e300], [-1e9, 0.1, 0.2, 0.3]])
@pytest.mark.parametrize("form", [*_FORMS, "settings"])
def test_degenerate_histories_have_a_proposal(form: str, scores: list[float]) -> None:
    space = _SETTINGS if form == "settings" else {**dimension(form).distributions(), **_RATE}
    params = proposed(space, history(space, scores))
    ended(space, params, 0.0)  # refuses values outside of the space
    assert all(math.isfinite(value) for value in params.values() if isinstance(value, float))


def test_the_same_point_again_and_again_has_a_proposal() -> None:
    (trial,) = history(_BITS, [0.5])
    assert proposed(_BITS, [trial] * 40).keys() == _BITS.keys()


def test_failed_trials_are_not_tried_again_at_once() -> None:
    rates: set[float] = set()
    trials: list[FrozenTrial] = []
    for _ in range(4):
        params = proposed(_BITS, trials)
        rates.add(params["learning_rate"])
        trials.append(ended(_BITS, params, None, state=TrialState.FAIL))
    assert len(rates) == 4


def test_a_fit_that_fails_gives_a_random_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise np.linalg.LinAlgError("planted")

    monkeypatch.setattr(Process, "fitted", fail)
    encoding = Encoding(_BITS)
    points = [propose(encoding, history(_BITS, [0.1, 0.2]), 1.0, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert points[0].tolist() == points[1].tolist() != points[2].tolist()
    assert points[0].tolist() == encoding.uniform(1, np.random.default_rng(0))[0].tolist()


def planted(params: Mapping[str, Any], seed: int) -> float:
    rng = np.random.default_rng(seed)
    effects = rng.normal(size=10)
    return math.fsum(effect * params[f"text:{place}"] for place, effect in enumerate(effects.tolist()))


def found(sampler: str, seed: int) -> float:
    space: Mapping[str, BaseDistribution] = {f"text:{place}": IntDistribution(0, 1) for place in range(10)}
    trials: list[FrozenTrial] = []
    for number in range(14):
        study = optuna.create_study(direction="maximize", sampler=build_sampler(sampler, seed, trials=number))
        study.add_trials(trials)
        params = draw(study, begun(study), space)
        trials.append(ended(space, params, planted(params, seed)))
    return max(trial.value or 0.0 for trial in trials)


def test_it_finds_better_mixes_than_chance() -> None:
    better = [found("mixture", seed) - found("random", seed) for seed in range(6)]
    assert np.mean(better) > 0.5
