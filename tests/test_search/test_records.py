from __future__ import annotations

import json

import optuna
from hypothesis import given
from hypothesis import strategies as st

from objectives.base import Rung
from search.records import read_record, read_rung, rung_attribute

_number = st.floats(-1e6, 1e6, width=32)
_figures = st.dictionaries(st.text(max_size=10), _number, max_size=4)

rungs = st.builds(
    Rung,
    index=st.integers(0, 20),
    tokens=st.integers(1, 10**12),
    score=_number,
    stderr=_number,
    base=_number,
    items=st.lists(_number, max_size=30).map(tuple),
    seconds=_figures,
    qualities=_figures,
    artifact=st.text(max_size=10),
)


@given(rungs)
def test_a_rung_survives_the_database(rung: Rung) -> None:
    name, value = rung_attribute(rung)
    stored = {name: json.loads(json.dumps(value))}
    trial = optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL, user_attrs=stored)
    assert read_rung(trial, rung.index) == rung


def test_a_rung_that_was_not_reached_is_none() -> None:
    trial = optuna.trial.create_trial(state=optuna.trial.TrialState.FAIL)
    assert read_rung(trial, 0) is None


def test_a_queued_trial_is_no_record() -> None:
    assert read_record(optuna.trial.create_trial(state=optuna.trial.TrialState.WAITING)) is None
