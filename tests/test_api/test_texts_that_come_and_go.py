"""Texts are added to a study and removed from it: its trials stay, and effects are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest

from mixtune import Study, open_study
from spaces import TrialConfig
from tests.support.refusals import refused

_EFFECTS = {"ants": 0.3, "bees": -0.2, "cats": 0.0, "dogs": 0.25, "eels": 0.0}
_SEARCH = {"randomized_share": 0.75, "confirm": {"best": 0}, "pruner": "none", "sampler": "tpe"}


def planted(trial: TrialConfig) -> float:
    """Effects that add up, and a little noise that depends on the trial alone."""
    noise = (int(trial.fingerprint[:6], 16) / 16**6 - 0.5) * 0.05
    return 0.5 + sum(_EFFECTS[name] for name in trial.mix.names) + noise


def _write(folder: str, name: str) -> None:
    (Path(folder) / f"{name}.txt").write_text(" ".join(f"{name}{n}" for n in range(3000)), encoding="utf-8")


@pytest.fixture
def study(texts: str) -> Study:
    made = Study.create(texts=texts, objective=planted, name="grown", trials=24, search=_SEARCH)
    made.run("local")
    return made


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _effects(study: Study) -> dict[str, dict[str, Any]]:
    return {row["text"]: row for row in _rows(study.effects())}


def _resumed(trials: int) -> Study:
    study = open_study("grown", objective=planted)
    study.check(trials, allow=True)
    study.run("local")
    return study


def test_an_added_text_needs_consent(study: Study, texts: str) -> None:
    _write(texts, "dogs")
    with refused("inputs-changed", "'dogs' added", "--allow"):
        open_study("grown", objective=planted).check(40)


def test_new_trials_draw_the_added_text_first_and_its_effect_is_right(study: Study, texts: str) -> None:
    before = _effects(study)
    _write(texts, "dogs")
    grown = _resumed(44)
    assert [row["arm"] for row in _rows(grown.trials())[24:]] == ["randomized"] * 20
    after = _effects(grown)
    assert after["dogs"]["effect"] == pytest.approx(0.25, abs=0.02)
    assert after["dogs"]["verdict"] == "helps"
    assert "dogs was added after trial 23" in grown.report().read_text(encoding="utf-8")
    assert after["dogs"]["trials"] == 20
    for name in ("ants", "bees"):
        assert after[name]["effect"] == pytest.approx(_EFFECTS[name], abs=0.02)
        assert after[name]["trials"] == before[name]["trials"] + 20


def test_a_text_that_came_just_now_takes_nothing_from_the_others(study: Study, texts: str) -> None:
    before = _effects(study)
    _write(texts, "dogs")
    after = _effects(_resumed(28))
    assert after["dogs"]["verdict"] == "no evidence yet"
    assert after["ants"]["effect"] == pytest.approx(before["ants"]["effect"])
    assert after["ants"]["high"] == pytest.approx(before["ants"]["high"])


def test_a_removed_text_is_not_trained_on_again_and_its_trials_stay(study: Study, texts: str) -> None:
    before = _effects(study)
    (Path(texts) / "bees.txt").unlink()
    smaller = _resumed(48)
    assert not any(row["text:bees"] for row in _rows(smaller.trials())[24:])
    after = _effects(smaller)
    assert set(after) == {"ants", "cats"}
    assert after["ants"]["effect"] == pytest.approx(0.3, abs=0.02)
    assert after["ants"]["trials"] > before["ants"]["trials"]


def test_a_text_that_comes_back_is_the_same_text(study: Study, texts: str) -> None:
    content = (Path(texts) / "bees.txt").read_text(encoding="utf-8")
    (Path(texts) / "bees.txt").unlink()
    _resumed(28)
    (Path(texts) / "bees.txt").write_text("another text " * 3000, encoding="utf-8")
    with refused("inputs-changed", "'bees' was changed"):
        open_study("grown", objective=planted).check(40, allow=True)
    (Path(texts) / "bees.txt").write_text(content, encoding="utf-8")
    assert set(_effects(_resumed(40))) == {"ants", "bees", "cats"}


def test_the_guided_arm_searches_over_the_added_text(study: Study, texts: str) -> None:
    _write(texts, "dogs")
    grown = _resumed(100)
    guided = [row["text:dogs"] for row in _rows(grown.trials())[24:] if row["arm"] == "guided"]
    assert len(guided) > 4
    assert sum(guided) > len(guided) / 2, "it helps"
    assert set(grown.best.texts) >= {"ants", "dogs"}


def test_shares_cannot_go_on_with_other_texts(texts: str) -> None:
    space = {"texts": {"choose": "weights"}}
    Study.create(texts=texts, objective=planted, name="grown", trials=8, space=space, search=_SEARCH).run("local")
    _write(texts, "dogs")
    with refused("inputs-changed", "choose: subset"):
        open_study("grown", objective=planted).check(40, allow=True)


def test_a_study_that_stops_when_decided_does_so_after_a_removal(texts: str) -> None:
    search = {**_SEARCH, "stop": "when_decided", "negligible_effect": 0.05}
    study = Study.create(texts=texts, objective=planted, name="grown", trials=8, search=search)
    study.run("local")
    (Path(texts) / "cats.txt").unlink()
    smaller = _resumed(80)
    assert smaller.status().finished
    assert smaller.status().decided
    verdicts = {name: row["verdict"] for name, row in _effects(smaller).items()}
    assert verdicts == {"ants": "helps", "bees": "hurts"}


def test_of_removed_texts_none_is_among_the_best(texts: str) -> None:
    for name in ("dogs", "eels"):
        _write(texts, name)
    Study.create(texts=texts, objective=planted, name="grown", trials=24, search=_SEARCH).run("local")
    for name in ("ants", "dogs"):
        (Path(texts) / f"{name}.txt").unlink()
    top = [row["top_3"] for row in _effects(_resumed(32)).values()]
    assert top == [1.0, 1.0, 1.0], "three are left"


def test_a_text_removed_early_costs_the_others_no_pair(texts: str) -> None:
    Study.create(texts=texts, objective=planted, name="grown", trials=8, search=_SEARCH).run("local")
    (Path(texts) / "bees.txt").unlink()
    grown = _resumed(32)
    complete = [row for row in _rows(grown.trials()) if row["arm"] == "randomized"]
    assert {row["trials"] for row in _effects(grown).values()} == {len(complete) // 2 * 2}


def test_single_texts_survive_a_text_that_leaves_and_one_that_comes(texts: str) -> None:
    search = {**_SEARCH, "single_texts": True}
    Study.create(texts=texts, objective=planted, name="grown", trials=12, search=search).run("local")
    (Path(texts) / "cats.txt").unlink()
    _resumed(16)
    _write(texts, "dogs")
    alone = {name: row["gain_alone"] for name, row in _effects(_resumed(40)).items()}
    assert alone["dogs"] > alone["bees"]


def test_interrupted_trials_on_a_removed_text_do_not_stop_the_study(study: Study, texts: str) -> None:
    database = optuna.load_study(study_name="grown", storage=study.url)
    for trial in [trial for trial in database.trials if trial.params["text:bees"]][:4]:
        attributes = {**trial.user_attrs, "driver": "gone"}
        database.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs=attributes,
            )
        )
    (Path(texts) / "bees.txt").unlink()
    grown = _resumed(48)
    assert grown.status().finished
    assert grown.status().failed == 4
