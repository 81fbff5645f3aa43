"""How `mixtune t2l train` checks itself on a study: blind to what it is asked of, and once for each part."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from objectives.text_to_lora.training_task import TrainingTask
from studies.jobs.text_to_lora.fit import Fitting
from studies.jobs.text_to_lora.options import RECONSTRUCTION, TRAINING_METHODS, Options
from studies.jobs.text_to_lora.source import Source, library_of, open_source
from studies.jobs.text_to_lora.training import train_on_study
from studies.storage.finding import find
from tests.support.commands import call, fails
from tests.support.text_to_lora import STUDY, short_study

pytestmark = pytest.mark.torch

OPTIONS = Options(width=16, steps=3)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return short_study(tmp_path_factory.mktemp("t2l"))


@pytest.fixture(scope="module", params=TRAINING_METHODS)
def fitting(runs: Path, request: pytest.FixtureRequest) -> Fitting:
    _, study, _ = find(STUDY, runs)
    source = open_source(study, runs / STUDY, "base", whole=request.param == RECONSTRUCTION)
    return _of(source, replace(OPTIONS, by=request.param))


def _of(source: Source, options: Options) -> Fitting:
    """As the program has it."""
    return Fitting(source, library_of(source) if options.by == RECONSTRUCTION else None, options)


def _trained(fitting: Fitting, left_out: frozenset[str]) -> dict[str, Any]:
    training = fitting.training(left_out)
    for _ in training.run():
        pass
    return {name: value.tolist() for name, value in training.network.state_dict().items()}


def test_a_network_knows_nothing_of_a_text_that_it_is_blind_to(fitting: Fitting) -> None:
    blind, seeing = frozenset(["river_poems"]), frozenset(["kitchen_notes"])

    def changed(training_task: TrainingTask) -> TrainingTask:
        return replace(
            training_task,
            descriptions=training_task.descriptions + 5,
            sequences=[each[::-1] for each in training_task.sequences],
        )

    training_tasks = tuple(changed(each) if each.name in blind else each for each in fitting.source.training_tasks)
    other = _of(replace(fitting.source, training_tasks=training_tasks), fitting.options)
    assert _trained(fitting, blind) == _trained(other, blind)
    assert _trained(fitting, seeing) != _trained(other, seeing)


def test_every_text_is_left_out_once(fitting: Fitting) -> None:
    names = [training_task.name for training_task in fitting.source.training_tasks]
    assert sorted(name for part in fitting.folds() for name in part) == sorted(names)
    size = 1 if fitting.options.by == RECONSTRUCTION else 2
    assert {len(part) for part in fitting.folds()} == {size}
    assert replace(fitting, options=replace(OPTIONS, folds=0)).folds() == []


def test_checks_of_a_run_that_was_cut_off_are_kept(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, study, _ = find(STUDY, runs)
    made: list[frozenset[str]] = []
    gains_of = Fitting.gains_of

    def counts(self: Fitting, left_out: frozenset[str], *rest: Any) -> dict[str, float]:
        if len(made) == 2:
            made.append(frozenset())
            raise KeyboardInterrupt
        made.append(left_out)
        return gains_of(self, left_out, *rest)

    monkeypatch.setattr(Fitting, "gains_of", counts)
    with pytest.raises(KeyboardInterrupt):
        train_on_study(Console(quiet=True), study, runs / STUDY, tmp_path / "net", OPTIONS)
    train_on_study(Console(quiet=True), study, runs / STUDY, tmp_path / "net", OPTIONS)
    train_on_study(Console(quiet=True), study, runs / STUDY, tmp_path / "whole", OPTIONS)
    checks = [part for part in made if part]
    assert checks[4:] == checks[:4], "four for the run that was cut off, and four for the other"
    told = [json.loads((tmp_path / name / "hypernet.json").read_text())["trust"] for name in ("net", "whole")]
    assert told[0] == told[1]


@pytest.fixture(scope="module")
def unrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose texts get no ratings."""
    return short_study(tmp_path_factory.mktemp("unrated"), randomized_share=0)


def test_a_study_without_ratings_has_nothing_to_check_against(
    unrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ("--runs", str(unrated), "--out", str(tmp_path / "net"))
    done = call("t2l", "train", STUDY, *out, "--width", "16", "--steps", "3")
    assert done.exit_code == 0, done.output
    assert "Check 1" not in done.output
    assert "a study that rates no texts" in done.output
    rank = ("t2l", "rank", str(unrated.parent / "library"), "--network", str(tmp_path / "net"))
    prior = ("--prior", str(tmp_path / "prior.yaml"))
    assert "--prior" in fails(capsys, monkeypatch, *rank, *prior, code="prior-not-trusted")


def test_another_study_of_that_name_is_not_taken_for_its_own(
    runs: Path, unrated: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, network = tmp_path / "runs", tmp_path / "net"
    shutil.copytree(runs, own)
    _, study, _ = find(STUDY, own)
    train_on_study(Console(quiet=True), study, own / STUDY, network, replace(OPTIONS, folds=0))
    shutil.rmtree(own)
    shutil.copytree(unrated, own)
    rank = ("t2l", "rank", str(runs.parent / "library"), "--network", str(network))
    assert "mixtune t2l train STUDY" in fails(capsys, monkeypatch, *rank, code="study-launched-anew")


def test_what_fails_leaves_the_folder_to_another_wish(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = ("--runs", str(runs), "--out", str(tmp_path / "net"))
    train = ("t2l", "train", STUDY, *out, "--width", "16", "--steps", "3")
    fast = ("--folds", "0", "--learning-rate", "1e30")
    assert "--learning-rate" in fails(capsys, monkeypatch, *train, *fast, code="loss-diverged")
    assert "3 texts" in fails(capsys, monkeypatch, *train, "--folds", "1", code="lessons-too-few")
    assert not (tmp_path / "net").exists()
    assert call(*train, "--folds", "0").exit_code == 0
