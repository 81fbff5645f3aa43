"""Studies of earlier versions go on: a database and a study file that commit 322708a wrote."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from rich.console import Console

from mixtune import open_study
from spaces.errors import FormerName
from studies.cli.session import run_session
from studies.run.launch import prepare_resume
from studies.spec import read_study
from tests.support.bases import write_base
from tests.support.refusals import refused

pytestmark = pytest.mark.torch

_DATA = Path(__file__).parents[1] / "data" / "old_study"
"""Four trials on the shipped base, complete, with `study.db` as SQL; `@FOLDER@` stands for where it was."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "old"
    shutil.copytree(_DATA, made)
    (made / "runs" / "old").mkdir(parents=True)
    with sqlite3.connect(made / "runs" / "old" / "study.db") as database:
        database.executescript((_DATA / "study.sql").read_text(encoding="utf-8").replace("@FOLDER@", str(made)))
    database.close()
    return made


def test_an_old_study_goes_on_as_it_was_begun(folder: Path) -> None:
    """It read no special tokens and no chat template, and keeps to that, so that its trials stay comparable."""
    study = open_study("old", runs=folder / "runs")
    study.check(trials=6)
    objective = study.spec.objective
    assert objective.kind == "finetune"
    assert objective.add_bos_token == "off"
    assert [score.chat_template for score in objective.scores] == ["off"]
    assert run_session(Console(quiet=True), study, local=True) == 0
    status = study.status()
    assert (status.ended, status.failed, status.running) == (6, 0, 0)
    assert study.trials()["arm"].isin(["randomized", "guided"]).all(), "the arms of the old trials, too"
    assert (folder / "runs" / "old" / "report" / "report.html").is_file()


def test_an_old_study_file_is_read(folder: Path) -> None:
    with pytest.warns(FormerName) as warned:
        spec = read_study(folder / "study.yaml")
    assert len(warned) == 2, "its fields `length` and `batch` have other names now"
    assert spec.objective.kind == "finetune"
    assert (spec.objective.sequence_length, spec.objective.batch_size) == (16, 2)
    assert spec.objective.add_bos_token == "auto"


def test_an_old_study_on_a_base_with_bos_is_refused(folder: Path) -> None:
    """It was trained without BOS and asked with it; neither can be gone on with."""
    base = write_base(folder / "base")
    path = folder / "runs" / "old" / "study.db"
    with sqlite3.connect(path) as database:
        (key, spec), *_ = database.execute(
            "SELECT study_user_attribute_id, value_json FROM study_user_attributes WHERE key = 'spec'"
        ).fetchall()
        changed = json.loads(spec)
        changed["objective"]["base"] = str(base)
        database.execute(
            "UPDATE study_user_attributes SET value_json = ? WHERE study_user_attribute_id = ?",
            (json.dumps(changed), key),
        )
    database.close()
    with refused("study-with-other-prefix", "<s>"):
        prepare_resume("old", folder / "runs", trials=6)
