"""A study from Python: created, run, opened again, resumed, read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mixtune
from mixtune import Ending, Study, open_study
from tests.support.planted import planted
from tests.support.refusals import refused


def small(texts: str, **fields: object) -> Study:
    return Study.create(texts=texts, objective=planted, **{"name": "small", "trials": 24, **fields})  # type: ignore[arg-type]


def test_a_study_of_an_own_objective_finds_the_planted_effects(texts: str) -> None:
    study = small(texts, trials=40)
    assert study.run("local").ending is Ending.FINISHED
    effects = study.effects().set_index("text")
    assert effects["verdict"].to_dict() == {"ants": "helps", "cats": "no evidence yet", "bees": "hurts"}
    assert effects["effect"]["ants"] == pytest.approx(1.0, abs=0.05)
    assert effects["effect"]["bees"] == pytest.approx(-0.5, abs=0.05)
    assert study.ranking()["text"].tolist()[0] == "ants"
    assert set(study.best.texts) <= {"ants", "cats"}
    assert study.best.adapter is None


def test_created_is_stored_and_nothing_has_run(texts: str) -> None:
    small(texts)
    status = open_study("small").status()
    assert (status.total, status.ended, status.finished) == (24, 0, False)


def test_events_are_heard_in_this_process(texts: str) -> None:
    events: list[mixtune.Event] = []
    small(texts).run("local", events.append)
    assert sum(isinstance(event, mixtune.TrialFinished) for event in events) == 24


def test_more_trials_make_the_same_study_longer(texts: str) -> None:
    study = small(texts)
    study.run("local")
    study.check(trials=30)
    assert (study.status().ended, study.status().total) == (24, 30)
    outcome = study.resume(trials=30, backend="local")
    assert (outcome.ending, outcome.status.ended) == (Ending.FINISHED, 30)
    assert len(study.trials()) == 30


@pytest.mark.parametrize("where", ["small", Path("runs/small"), "url"])
def test_a_study_is_opened_by_name_folder_and_url(texts: str, where: Path | str) -> None:
    made = small(texts)
    assert open_study(made.url if where == "url" else where).spec.name == "small"


def test_a_folder_with_the_name_of_a_study_is_not_taken_for_it(texts: str) -> None:
    small(texts, name=texts)
    assert Path(texts).is_dir()
    assert open_study(texts).folder == Path("runs") / texts


def test_a_database_of_two_studies_wants_a_name(texts: str) -> None:
    url = f"sqlite:///{Path.cwd()}/both.db"
    for name in ("one", "two"):
        small(texts, name=name, storage=url)
    with refused("study-ambiguous", "one, two"):
        open_study(url)
    assert open_study(url, name="two").name == "two"


def test_studies_are_listed(texts: str) -> None:
    small(texts)
    assert mixtune.list_studies() == ["small"]


def test_keywords_replace_what_a_file_says(texts: str) -> None:
    mixtune.write_study_file(texts, "study.yaml", measure=False)
    study = Study.create("study.yaml", name="other", trials=11, tokens=5_000, search={"sampler": "tpe"})
    spec = study.spec
    assert (spec.name, spec.search.trials, spec.search.sampler) == ("other", 11, "tpe")
    assert spec.objective.kind == "finetune"
    assert spec.objective.tokens == 5_000


def test_wrong_fields_are_named_before_anything_runs(texts: str) -> None:
    with refused("extra-forbidden", "'trails'", "'trials'", field="search.trails"):
        small(texts, search={"trails": 3})
    assert not Path("runs").exists()


def test_a_taken_name_is_refused(texts: str) -> None:
    small(texts)
    with refused("name-taken"):
        small(texts)


def test_without_texts_there_is_no_study(texts: str) -> None:
    with refused("texts-missing"):
        Study.create(name="nothing")


def test_an_unknown_backend_is_refused(texts: str) -> None:
    with refused("option-unknown", "'cloud'"):
        small(texts).run("cloud")  # type: ignore[arg-type]


def test_the_best_of_nothing_is_refused(texts: str) -> None:
    with refused("no-trial-complete"):
        small(texts).best  # noqa: B018


def test_tables_of_an_empty_study_have_their_columns(texts: str) -> None:
    study = small(texts)
    assert study.ranking().columns.tolist() == ["text", "effect", "spread", "top"]
    assert study.settings().columns.tolist() == ["setting", "share", "low", "high"]
    assert study.interactions().empty
    assert study.confirmation().empty


@pytest.mark.parametrize("table", ["effects", "ranking", "confirmation", "settings", "interactions"])
def test_documented_columns_are_those_of_the_table(texts: str, table: str) -> None:
    study = small(texts, trials=40)
    study.run("local")
    said = re.search(
        r"Columns: (.*?)(?: Empty before|`docs|$)", " ".join((getattr(Study, table).__doc__ or "").split())
    )
    assert said is not None
    assert re.findall(r"`(\w+)`", said[1]) == getattr(study, table)().columns.tolist()


def test_a_notebook_shows_the_forest_plot_and_the_rating(texts: str) -> None:
    study = small(texts, trials=40)
    study.run("local")
    shown = study._repr_html_()
    assert "data:image/svg+xml;base64," in shown
    assert "<td>ants</td>" in shown
    assert "data:image/svg+xml" in study.figures()["effects"]._repr_html_()


def test_a_name_that_is_markup_stays_text(texts: str) -> None:
    (Path(texts) / "<b>bold.txt").write_text("Some words. " * 400)
    study = small(texts, trials=40)
    study.run("local")
    assert "<b>bold" not in study._repr_html_()


def test_a_report_lies_where_it_is_wanted(texts: str) -> None:
    study = small(texts)
    study.run("local")
    assert study.report() == Path("runs/small/report/report.html")
    assert study.report("elsewhere").parent == Path("elsewhere")
