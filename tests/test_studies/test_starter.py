from __future__ import annotations

from pathlib import Path

import pytest

from objectives.scoring.spec import BenchmarkSpec, HeldoutSpec
from objectives.spec import FinetuneSpec
from studies.jobs.starter import Starter, write_study_file
from studies.run.launch import prepare_launch
from studies.spec import read_study
from tests.support.refusals import refused


def test_the_file_that_is_written_can_be_read(library: Path, tmp_path: Path) -> None:
    corpus = write_study_file(Starter(library), tmp_path / "study.yaml", measure=False).corpus
    assert corpus.names == ("alpha", "beta", "delta", "gamma")
    spec = read_study(tmp_path / "study.yaml")
    assert spec.name == "library"
    assert spec.space.texts.folder == library
    assert isinstance(spec.objective, FinetuneSpec)
    assert isinstance(spec.objective.scores[0], HeldoutSpec)
    assert spec.objective.scores[0].text == "alpha"
    text = (tmp_path / "study.yaml").read_text()
    assert "#   gamma (0 pages)" in text
    assert 'folder: "library"' in text, "a path below the study file is written relative to it"


def test_tasks_and_base_are_the_users(library: Path, tmp_path: Path) -> None:
    write_study_file(
        Starter(library, base="org/model", tasks=("arc_easy", "boolq")), tmp_path / "study.yaml", measure=False
    )
    spec = read_study(tmp_path / "study.yaml")
    assert isinstance(spec.objective, FinetuneSpec)
    assert spec.objective.base == "org/model"
    assert isinstance(spec.objective.scores[0], BenchmarkSpec)
    assert [task.task for task in spec.objective.scores[0].tasks] == ["arc_easy", "boolq"]


def test_an_existing_file_is_not_overwritten(library: Path, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("mine")
    with refused("path-taken", "study.yaml", "--out"):
        write_study_file(Starter(library), tmp_path / "study.yaml")
    assert (tmp_path / "study.yaml").read_text() == "mine"


def test_an_unknown_held_out_text_is_refused(library: Path, tmp_path: Path) -> None:
    with refused("text-unknown", "'betta'", "'beta'"):
        write_study_file(Starter(library, heldout="betta"), tmp_path / "study.yaml")
    assert not (tmp_path / "study.yaml").exists()


@pytest.mark.parametrize("name", ["мои книги", "my books!", "..odd--", "2024", "_books", "📚 lib", "null"])
def test_any_folder_name_gives_a_lawful_study_name(library: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    library.rename(folder)
    write_study_file(Starter(folder), tmp_path / "study.yaml", measure=False)
    spec = read_study(tmp_path / "study.yaml")
    assert spec.space.texts.folder == folder


def test_the_file_is_written_in_the_script_of_its_names(library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "мои книги 📚"
    library.rename(folder)
    write_study_file(Starter(folder), tmp_path / "study.yaml", measure=False)
    assert 'folder: "мои книги 📚"' in (tmp_path / "study.yaml").read_text(encoding="utf-8")


@pytest.mark.torch
def test_the_file_runs_as_it_is_even_for_short_texts(library: Path, tmp_path: Path) -> None:
    for text in library.iterdir():
        text.write_text("".join(f"{text.read_text()} and {number}\n" for number in range(20)))
    write_study_file(Starter(library), tmp_path / "study.yaml", measure=False)
    ready = prepare_launch(read_study(tmp_path / "study.yaml"), tmp_path / "runs")
    assert ready.rungs[-1] > 0
