from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import optuna
from hypothesis import given
from hypothesis import strategies as st

from objectives.base import Rung
from search.storage.records import read_record, read_rung, rung_attribute

_number = st.floats(-1e6, 1e6, width=32)
_figures = st.dictionaries(st.text(max_size=10), _number, max_size=4)

_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "index": st.integers(0, 20),
    "tokens": st.integers(1, 10**12),
    "score": _number,
    "stderr": _number,
    "base": _number,
    "gain_stderr": _number,
    "items": st.lists(_number, max_size=30).map(tuple),
    "seconds": _figures,
    "qualities": _figures,
    "artifact": st.text(max_size=10),
}
rungs = st.builds(Rung, **_FIELDS)


def test_every_field_of_a_rung_is_tried() -> None:
    """A field that is left out here would be dropped in the database without a word."""
    assert list(_FIELDS) == [field.name for field in fields(Rung)]


@given(rungs)
def test_a_rung_survives_a_file(rung: Rung) -> None:
    assert Rung.from_dict(json.loads(json.dumps(rung.to_dict()))) == rung


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
