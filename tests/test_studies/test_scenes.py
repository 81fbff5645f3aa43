"""`mixtune scenes run`, as a user calls it; and scenes as the objective of a study."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import call, fails
from tests.support.scenes import place

__all__ = ["place"]  # a fixture

pytestmark = pytest.mark.torch

QUALITIES = ["depth", "consistency", "pressure", "completion", "compression"]


def test_the_table_has_a_row_for_every_quality_and_keeps_other_models(place: Path) -> None:
    done = call("scenes", "run", "tiny", "--limit", "2", "--texts", "library")
    assert done.exit_code == 0, done.output
    for name in QUALITIES:
        assert f"\n{name}: “" in done.output, "an example of each"
    table = pd.read_csv("results_table.csv")
    assert list(table["quality"]) == QUALITIES
    assert set(table["scenes"]) == {2}
    assert table["behavior"].str.len().min() > 10
    figures = pd.read_csv("results_table_figures.csv")
    headline = figures.merge(table, left_on=["model", "quality", "figure"], right_on=["model", "quality", "what"])
    assert headline["value"].tolist() == pytest.approx(headline["score"].tolist(), abs=1e-4)
    assert len(headline) == len(QUALITIES)

    (place / "results_table.csv").write_text((place / "results_table.csv").read_text().replace("tiny,", "other,"))
    assert call("scenes", "run", "tiny", "--limit", "2", "--files", "russian").exit_code == 0
    again = pd.read_csv("results_table.csv")
    assert list(again["model"]) == ["other"] * 5 + ["tiny"] * 5
    assert call("scenes", "run", "tiny", "--limit", "2").exit_code == 0
    assert list(pd.read_csv("results_table.csv")["model"]) == ["other"] * 5 + ["tiny"] * 5, "the same model anew"


@pytest.mark.parametrize(
    ("words", "code", "data"),
    [
        (["tiny", "tinny"], "base-unknown", ["'tinny'"]),
        (["tiny", "--out", "library"], "path-is-folder", ["'library'", "--out"]),
        (["tiny", "--device", "cuda"], "no-gpu", ["--device cuda"]),
        (["tiny", "--files", "englisch"], "scenes-unknown", ["--files", "'englisch'", "'english'"]),
        (["tiny", "--texts", "nowhere"], "folder-missing", ["'nowhere'", "--texts"]),
        (["tiny", "--out", "other.csv"], "table-of-other-columns", ["'other.csv'", "a, b"]),
        (["tiny", "--device", "gpu"], "option-unknown", ["--device", "'gpu'"]),
    ],
)
def test_what_cannot_be_used_is_told(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    code: str,
    data: list[str],
) -> None:
    (place / "other.csv").write_text("a,b\n1,2\n")
    said = fails(capsys, monkeypatch, "scenes", "run", *words, code=code)
    assert [word for word in data if word not in said] == []
    assert (place / "other.csv").read_text() == "a,b\n1,2\n"
    assert not (place / "results_table.csv").exists()


def test_a_study_searches_on_scenes_and_shows_what_helps_which_quality(place: Path) -> None:
    done = call("launch", "study.yaml", "--local")
    assert done.exit_code == 0, done.output
    assert "points of the scenes' score" in done.output
    report = place / "runs" / "scenes" / "report"
    effects = pd.read_csv(report / "qualities.csv")
    assert {"depth", "consistency", "pressure", "compression"} <= set(effects["quality"])
    trials = pd.read_csv(report / "trials.csv")
    complete = trials[trials["state"] == "complete"]
    assert complete["forgotten"].notna().all(), "the held-out text beside it"
    score = (2 * complete["depth"] + complete["compression"]) / 3
    assert complete["score"].tolist() == pytest.approx(score.tolist(), abs=1e-6)
    assert (report / "qualities.png").is_file()
    assert (report / "confirmation.csv").is_file()
