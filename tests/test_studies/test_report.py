"""Tables, figures, page and terminal output of studies in every state."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from optuna.trial import TrialState
from rich.console import Console

from search.storage.records import TrialRecord
from studies.analysis.rating import rate
from studies.report.notebook import NOTEBOOK
from studies.report.page import PAGE
from studies.report.standing import print_best, print_status
from studies.report.tables import CONFIRMATION, CURVES, INTERACTIONS, QUALITIES, RATING, TRIALS, trials_table
from studies.report.terminal import print_rating
from studies.run.launch import Ready, prepare_launch
from studies.storage.store import Store
from studies.storage.stored import StoredStudy
from tests.support.finished import finished
from tests.support.launching import Interrupted, local, spec_for
from tests.support.reports import written

Finished = tuple[Store, StoredStudy]


@pytest.fixture(scope="module")
def report(finished_study: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a finished study, its files beside it, for tests that only read them."""
    return written(*finished_study, tmp_path_factory.mktemp("finished") / "report")


def text_of(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"data:[^\"]*", "", page.read_text(encoding="utf-8")))


def test_the_page_leads_with_the_answer(report: Path) -> None:
    content = text_of(report)
    assert "Training on alpha makes the score better" in content
    assert content.index("makes the score better") < content.index("<figure>")
    assert "so that score is optimistic" in content
    assert content.count("<figure>") == len(_FIGURES)
    assert content.count('alt="') == len(_FIGURES)
    assert 'alt=""' not in content


def test_the_page_needs_nothing_from_elsewhere(report: Path) -> None:
    content = text_of(report)
    assert "<script" not in content
    assert "http" not in content
    assert "<link" not in content


def test_figures_and_tables_lie_beside_the_page(report: Path) -> None:
    names = {path.name for path in report.parent.iterdir()}
    figures = {f"{name}.{kind}" for name in _FIGURES for kind in ("png", "svg")}
    assert names == {PAGE, NOTEBOOK, RATING, TRIALS, CONFIRMATION, QUALITIES, INTERACTIONS, CURVES} | figures


_FIGURES = ("effects", "text_curves", "history", "learning_curves", "interactions", "hyperparameters")


def test_the_rating_table_has_a_row_for_every_text(report: Path) -> None:
    rating = pd.read_csv(report.parent / RATING)
    assert rating["text"].iloc[0] == "alpha"
    assert set(rating["text"]) == {"alpha", "beta", "gamma", "delta"}
    assert rating["verdict"].iloc[0] == "helps"
    assert (rating["low"] < rating["effect"]).all()
    assert (rating["effect"] < rating["high"]).all()
    assert rating["effect"].iloc[0] == pytest.approx(0.3, abs=0.03)
    assert (rating["trials"] == 28).all()
    assert rating["top_3"].iloc[0] > 0.9
    assert rating["ranked_effect"].iloc[0] == pytest.approx(0.3, abs=0.05)
    described = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    missing = [name for name in rating.columns if f"| `{name}` |" not in described]
    assert not missing


def test_the_trials_table_has_a_row_for_every_trial(finished_study: Finished) -> None:
    _, study = finished_study
    table = trials_table(study)
    assert len(table) == 56
    for record, row in zip(study.records, table.to_dict("records"), strict=True):
        assert row["trial"] == record.number
        assert {text.name for text in study.texts if row[f"text:{text.name}"]} == set(record.texts)
        assert pd.isna(row["score"]) == (record.score is None)
        assert row["gain"] == pytest.approx(row["last_score"] - 0.25)


@pytest.mark.parametrize("rungs", [0, 1, 7, 20])
def test_a_study_under_way_has_a_report(library: Path, tmp_path: Path, rungs: int) -> None:
    ready: Ready = prepare_launch(spec_for(library, search={"trials": 30}), tmp_path / "runs")
    study = ready.run(lambda *_: Interrupted(rungs), lambda _: None).study
    content = text_of(written(ready.store, study, tmp_path / "report"))
    assert "1 running" in content
    if rungs < 6:
        assert "There is no rating yet" in content


def test_a_study_without_trials_has_a_report(library: Path, tmp_path: Path) -> None:
    ready = prepare_launch(spec_for(library), tmp_path / "runs")
    study = ready.store.load("small")
    content = text_of(written(ready.store, study, tmp_path / "report"))
    assert "There is no rating yet" in content
    assert "No trial is complete yet." in content


@pytest.mark.parametrize(
    ("fields", "why"),
    [({"texts": {"choose": "all"}}, "space.texts.choose"), ({"randomized_share": 0}, "search.randomized_share is 0")],
)
def test_a_study_that_cannot_rate_says_so(library: Path, tmp_path: Path, fields: dict[str, Any], why: str) -> None:
    texts = {"folder": str(library), **fields.pop("texts", {})}
    space = {"texts": texts, "learning_rate": {"low": 1e-4, "high": 1e-2}}
    spec = spec_for(library, space=space, search={"trials": 5, **fields})
    ready = prepare_launch(spec, tmp_path)
    study = ready.run(local, lambda _: None).study
    page = text_of(written(ready.store, study, tmp_path / "report"))
    assert why in page
    assert {effect.method for effect in rate(study).effects} == {"none"}


def test_failures_are_listed_with_their_reasons(library: Path, tmp_path: Path) -> None:
    store, study = finished(library, tmp_path / "runs", failures=0.25)
    content = text_of(written(store, study, tmp_path / "report"))
    assert all(record.error in content for record in study.ended(TrialState.FAIL))


def test_names_in_any_script_and_with_signs_are_shown(library: Path, tmp_path: Path) -> None:
    (library / "исповедь.txt").write_text("слова и мысли", encoding="utf-8")
    (library / "a <b> & c.txt").write_text("signs that mean something to a browser", encoding="utf-8")
    content = text_of(written(*finished(library, tmp_path / "runs"), tmp_path / "report"))
    assert "исповедь" in content
    assert "a &lt;b&gt; &amp; c" in content
    assert "a <b>" not in content


def recorder() -> Console:
    return Console(width=100, record=True, file=io.StringIO())


def test_the_rating_in_the_terminal(finished_study: Finished) -> None:
    _, study = finished_study
    console = recorder()
    print_rating(console, study, rate(study), planted=dict.fromkeys(("alpha", "beta", "gamma", "delta"), "as planted"))
    text = console.export_text()
    ends = r"\+0\.\d{3,5} to \+0\.\d{3,5}"
    assert re.search(rf"alpha +\+0\.\d{{3,5}} +{ends} +{ends} +helps +> 99% +as planted", text)


def test_status_and_best_in_the_terminal(library: Path, tmp_path: Path) -> None:
    ready = prepare_launch(spec_for(library, search={"trials": 30}), tmp_path / "runs")
    study = ready.run(lambda *_: Interrupted(20), lambda _: None).study
    console = recorder()
    print_status(console, study)
    assert study.best is not None
    print_best(console, study, study.best)
    text = console.export_text()
    assert re.search(r"small: \d+ of 30 trials", text)
    assert "mixtune resume small" in text
    assert "1 running" in text
    assert "target modules" in text


def test_effects_of_the_report_are_those_of_the_records(finished_study: Finished) -> None:
    store, study = finished_study
    assert rate(store.load("small")) == rate(study)


def test_the_report_tells_what_would_be_enough(library: Path, tmp_path: Path) -> None:
    _, study = finished(library, tmp_path / "runs", noise=0.2)
    console = recorder()
    print_rating(console, study, rate(study))
    text = re.sub(r"\s+", " ", console.export_text())
    assert re.search(r"With 14 pairs of randomized trials, 8 of 10 studies would detect an effect of ± 0\.\d+", text)
    assert re.search(r"closest to a verdict, needs about \d+,?\d* trials in total", text)


def test_every_task_and_quality_has_a_column(finished_study: Finished, tmp_path: Path) -> None:
    store, study = finished_study
    both = tuple(_with_a_task(record) for record in study.records)
    study = replace(study, records=both)
    content = text_of(written(store, study, tmp_path / "report"))
    assert "Which text helps what" in content
    qualities = pd.read_csv(tmp_path / "report" / QUALITIES)
    assert set(qualities["quality"]) == {"accuracy", "accuracy/logic"}
    assert len(qualities) == 8


def test_of_many_qualities_the_searched_ones_are_shown_first(finished_study: Finished, tmp_path: Path) -> None:
    store, study = finished_study
    many = {f"{metric}/task-{i}": 0.0 for metric in ("margin", "score") for i in range(9)}
    records = tuple(
        replace(
            r,
            rungs=tuple(
                replace(rung, qualities={**dict.fromkeys(many, rung.score), **rung.qualities}) for rung in r.rungs
            ),
        )
        for r in study.records
    )
    content = text_of(written(store, replace(study, records=records), tmp_path / "report"))
    assert "7 more are in qualities.csv." in content
    assert "alpha helps accuracy; alpha helps score/task-0" in content
    assert "margin/task-2" not in content
    assert pd.read_csv(tmp_path / "report" / QUALITIES)["quality"].nunique() == 19


def _with_a_task(record: TrialRecord) -> TrialRecord:
    rungs = tuple(replace(r, qualities={**r.qualities, "accuracy/logic": -r.score}) for r in record.rungs)
    return replace(record, rungs=rungs)


def test_versions_hashes_and_arms_are_told(report: Path) -> None:
    content = text_of(report)
    assert re.search(r"versions</th> ?<td>python 3\.\d+", content)
    assert "trials with random texts" in content
    assert "fingerprint of the study" in content
    assert "mixtune resume small" in content


def test_a_study_with_more_texts_than_trials_has_a_report(library: Path, tmp_path: Path) -> None:
    for number in range(26):
        (library / f"more-{number}.txt").write_text(f"text number {number} speaks of {number} things")
    content = text_of(written(*finished(library, tmp_path / "runs", trials=24), tmp_path / "report"))
    assert "more-25" in content
    rating = pd.read_csv(tmp_path / "report" / RATING)
    assert (rating["method"] == "differences").all(), "thirty texts, six pairs of trials"


def test_a_limit_of_repetition_is_told(finished_study: Finished, tmp_path: Path) -> None:
    store, study = finished_study
    texts = study.spec.space.texts.model_copy(update={"max_epochs": 4})
    limited = study.spec.model_copy(update={"space": study.spec.space.model_copy(update={"texts": texts})})
    assert "No trial reads a text more than 4 times" in text_of(
        written(store, replace(study, spec=limited), tmp_path / "report")
    )


def test_scores_that_are_all_alike_are_given_as_the_reason(library: Path, tmp_path: Path) -> None:
    """A saturated benchmark was said to need five pairs, and to have twenty."""
    study = finished(library, tmp_path / "runs", effects={}, noise=0.0)
    content = text_of(written(*study, tmp_path / "report"))
    assert "all of their trials have the same score" in content
    assert "it needs at least" not in content
