"""Content of the page: no figure without content, one order that a reader can follow, right words."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from objectives.base import FORGOTTEN
from studies.analysis.confirmation import Confirmed
from studies.analysis.curves import curves
from studies.analysis.effects import TextEffect
from studies.analysis.power import power
from studies.analysis.qualities import quality_effects
from studies.analysis.ranking import Ranked
from studies.analysis.rating import Rating, rate
from studies.analysis.regression import Estimate
from studies.analysis.units import UNITS, item_noun
from studies.report.figures.changes import _decimals
from studies.report.page import write_report
from studies.report.pictures import pictures
from studies.report.rating_words import ranking_sentence
from studies.report.words import confirmation_rows
from studies.run.launch import prepare_launch
from studies.storage.store import open_store
from studies.storage.stored import StoredStudy
from tests.support.finished import finished
from tests.support.launching import local, spec_for


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StoredStudy:
    folder = tmp_path_factory.mktemp("page")
    for name in ("alpha", "beta", "gamma", "delta"):
        (folder / f"{name}.txt").write_text(f"the text {name} of a small library\n")
    return finished(folder, folder.parent / "page-runs")[1]


def _names(study: StoredStudy, rating: Rating) -> list[str]:
    return [picture.name for picture in pictures(study, rating, [], [])]


def test_a_study_without_intervals_draws_no_effects(library: Path, tmp_path: Path) -> None:
    """The weights' forest had an invented axis of ±0.04."""
    for choose in ("subset", "weights", "one"):
        space = {"texts": {"folder": str(library), "choose": choose}, "learning_rate": {"low": 1e-4, "high": 1e-2}}
        spec = spec_for(library, name=choose, space=space, search={"trials": 4})
        small = prepare_launch(spec, tmp_path / "runs").run(local, lambda _: None).study
        shown = _names(small, rate(small))
        assert "effects" not in shown
        assert "qualities" not in shown
        assert "history" in shown


def test_qualities_that_nobody_measured_are_named_and_not_drawn(study: StoredStudy) -> None:
    rating = rate(study)
    unknown = [replace(effect, estimate=Estimate(math.nan, math.inf, 1)) for effect in rating.effects]
    found = {"one": rating.effects, "two": rating.effects, "rare": unknown}
    shown = {p.name: p for p in pictures(study, replace(rating, qualities=found), [], [])}
    assert "rare" in shown["qualities"].caption
    assert "qualities" not in _names(study, replace(rating, qualities={"one": rating.effects, "rare": unknown}))


def test_every_text_has_a_curve_that_ends_at_its_effect(study: StoredStudy) -> None:
    rating = rate(study)
    found = curves(study, rating)
    assert list(found) == [300, 600, 900]
    assert found[900] == rating.effects
    for effects in found.values():
        assert {effect.text for effect in effects} == {"alpha", "beta", "gamma", "delta"}
        alpha = next(effect for effect in effects if effect.text == "alpha")
        assert alpha.low > 0, "the planted text helps at every rung"
    first, last = (next(e for e in found[at] if e.text == "alpha") for at in (300, 900))
    assert first.effect < last.effect, "it acts more the longer it is read"


def _rating_with(study: StoredStudy, effects: dict[str, float], top: dict[str, float]) -> Rating:
    rating = rate(study)
    given = [
        TextEffect(text, Estimate(value, 0.1, 9, 10), 1.0, 1.0, 10, "regression") for text, value in effects.items()
    ]
    return replace(rating, effects=given, ranking={text: Ranked(text, 0.0, 1.0, p) for text, p in top.items()})


def test_an_order_that_disagrees_is_explained(study: StoredStudy) -> None:
    effects = {"alpha": 0.5, "beta": 0.4, "gamma": 0.3, "delta": 0.2}
    at_odds = ranking_sentence(_rating_with(study, effects, {"alpha": 0.9, "beta": 0.8, "gamma": 0.3, "delta": 0.79}))
    assert at_odds.count("delta") == 2, "named among the best, and among those that stand elsewhere by effect"
    agreed = ranking_sentence(_rating_with(study, effects, {"alpha": 0.9, "beta": 0.8, "gamma": 0.7, "delta": 0.4}))
    assert "delta" not in agreed
    nobody = ranking_sentence(_rating_with(study, effects, dict.fromkeys(effects, 0.25)))
    assert nobody.count("25%") == 1, "no list of texts that are as likely as by chance"


def test_as_many_texts_as_places_are_not_ranked(study: StoredStudy) -> None:
    three = {"alpha": 1.0, "beta": 1.0, "gamma": 1.0}
    rating = _rating_with(study, {"alpha": 0.5, "beta": 0.4, "gamma": 0.3}, three)
    assert not rating.shows_top
    assert ranking_sentence(rating) == ""


def test_what_is_forgotten_of_the_goal_is_no_quality_of_its_own(study: StoredStudy) -> None:
    records = []
    for record in study.records:
        rungs = tuple(
            replace(rung, qualities={FORGOTTEN: 2 - rung.score, "other": rung.score**2}) for rung in record.rungs
        )
        records.append(replace(record, rungs=rungs))
    found = quality_effects(records, ["alpha", "beta", "gamma", "delta"])
    assert list(found) == ["other"]


def test_a_column_that_would_be_empty_is_left_out() -> None:
    row = Confirmed(role="all texts", of=None, texts=("a",), score=0.5, gain=0.1, low=0.0, high=0.2, accuracy=None,
                    accuracy_stderr=None, searched=None, runs=3, failed=0)  # fmt: skip
    columns, cells = confirmation_rows([row], UNITS["bits_per_byte"])
    assert "accuracy" not in columns
    assert len(columns) == len(cells[0])
    assert "accuracy" in confirmation_rows([replace(row, accuracy=0.5)], UNITS["probability"])[0]


def test_held_out_text_is_asked_in_passages(study: StoredStudy) -> None:
    assert item_noun(study) == "questions"
    heldout = {"tokens": 4096, "scores": [{"kind": "heldout", "text": "alpha"}]}
    spec = study.spec.model_validate({**study.spec.to_dict(), "objective": heldout})
    assert item_noun(replace(study, spec=spec)) == "passages"


@pytest.mark.parametrize(("widths", "digits"), [([0.15], 2), ([1.9], 1), ([0.0004], 3), ([math.inf], 1), ([], 1)])
def test_effects_have_as_many_decimals_as_their_intervals_deserve(widths: list[float], digits: int) -> None:
    unit = replace(UNITS["probability"], factor=1.0)
    assert unit.fine_enough(widths).digits == digits


def test_an_effect_that_rounds_to_nothing_has_no_sign() -> None:
    assert UNITS["score"].signed(-0.00001) == "0.000"
    assert UNITS["score"].signed(-0.001) == "-0.001"


@pytest.mark.parametrize(("most", "decimals"), [(0.5, 2), (0.05, 3), (12.0, 1), (0.0, 1)])
def test_figures_of_one_map_have_equal_decimals(most: float, decimals: int) -> None:
    import numpy as np

    assert _decimals(np.array([[most / 10, most, np.nan]])) == decimals


def test_letters_that_no_font_has_are_told(study: StoredStudy, tmp_path: Path) -> None:
    """Figures showed boxes without a word."""
    store = open_store(study.url)
    private = "\ue123"  # a letter that no font may define for everybody
    texts = tuple(replace(text, name=f"{text.name}{private}") for text in study.texts)
    rating = rate(study)
    renamed = [replace(effect, text=f"{effect.text}{private}") for effect in rating.effects]
    shown = write_report(
        store,
        replace(study, texts=texts),
        replace(rating, effects=renamed, ranking={}, interactions=[], power=power(renamed)),
        tmp_path / "report",
    )
    assert private in shown.read_text(encoding="utf-8").split("No font")[1][:80]
    plain = write_report(store, study, rating, tmp_path / "plain")
    assert "No font" not in plain.read_text(encoding="utf-8")
    store.close()
