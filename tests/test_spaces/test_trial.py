from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from spaces import CorpusMix, LayerRange, Stage, TrialConfig, Tuning
from spaces.trial import fingerprint
from tests.support.refusals import refused

_names = st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=8)

_stages = st.builds(
    Stage,
    name=st.text(max_size=8),
    mix=_names.map(CorpusMix.equal),
    tuning=st.builds(
        Tuning,
        method=st.just("lora"),
        rank=st.integers(1, 256),
        alpha=st.floats(0.1, 100),
        dropout=st.floats(0, 0.9),
        targets=st.lists(st.sampled_from(["q_proj", "v_proj"]), unique=True).map(tuple),
    ),
    frozen=st.lists(st.builds(LayerRange, st.integers(0, 9), st.integers(0, 9))).map(tuple),
    budget=st.integers(1, 10**9),
    learning_rate=st.floats(1e-8, 1),
)
trials = st.builds(
    TrialConfig, base=st.text(max_size=20), seed=st.integers(0, 2**32), stages=st.lists(_stages, max_size=3).map(tuple)
)


@given(trials)
def test_a_trial_survives_json(trial: TrialConfig) -> None:
    assert TrialConfig.from_dict(json.loads(json.dumps(trial.to_dict()))) == trial


@given(trials, trials)
def test_fingerprints_are_equal_exactly_for_equal_trials(one: TrialConfig, other: TrialConfig) -> None:
    assert (one.fingerprint == other.fingerprint) == (one.to_dict() == other.to_dict())


@given(_names)
def test_equal_weights_sum_to_one(names: list[str]) -> None:
    mix = CorpusMix.equal(names)
    assert mix.names == tuple(names)
    assert math.isclose(sum(weight for _, weight in mix.weights), 1.0 if names else 0.0)


def test_weights_that_do_not_sum_to_one_are_refused() -> None:
    with refused("mix-sum", "1.1"):
        CorpusMix((("a", 0.5), ("b", 0.6)))


def test_the_fingerprint_does_not_depend_on_the_order_of_fields() -> None:
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_fingerprints_are_those_of_earlier_versions() -> None:
    """By these, states of trials that an earlier version has begun are found; its configurations had a `half`."""
    stage = Stage("train", CorpusMix.equal(("alpha", "beta")), Tuning("lora", 8, 16, 0, ("q_proj",)), (), 900, 1e-3)
    trial = TrialConfig("tiny", 3, (stage,))
    assert trial.fingerprint == trial.fingerprint_on("search") == "6ee4e0758b58706b"
    assert trial.fingerprint_on("holdout") == "75ac3cab56c60457"
    assert TrialConfig.from_dict({**trial.to_dict(), "half": "holdout"}) == trial
