"""Rows that another package adds: a study runs with a sampler, a pruner, a scorer, a method of tuning, a database and a
listener that we have never seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
import yaml
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from tests.support.texts import write_library

_TOY = '''
from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import torch
from optuna.pruners import NopPruner, PercentilePruner
from optuna.samplers import RandomSampler
from optuna.storages import RDBStorage

from objectives.base import Score
from objectives.questions import SEARCHED, ItemWeights
from objectives.scoring.entry import ScoreEntry
from objectives.scoring.scorer import Checked
from search.pruners.kind import PrunerKind
from search.samplers.kind import SamplerKind
from search.storage.kind import StudyStorage
from search.storage.sqlite import SoleDriver
from spaces.methods import Method

SAMPLER = SamplerKind(build=lambda study, fresh: RandomSampler(seed=fresh))
PRUNER = PrunerKind(build=lambda rungs, reduction: PercentilePruner(50.0))


def _randlora(tuning, site):
    from peft import RandLoraConfig

    return RandLoraConfig(r=tuning.rank, target_modules=list(site.linear(tuning.targets)), randlora_dropout=0.0)


METHOD = Method(low_rank=True, targets=True, config=_randlora, size=lambda tuning, module: tuning.rank)


class ToyStorage(StudyStorage):
    """SQLite by another name: what counts is that nobody else knows it."""

    example = "toyfile:///disk/study.toy"
    driver_kind = SoleDriver

    def _connect(self, *, reading):
        return RDBStorage(self.url.replace("toyfile:", "sqlite:", 1))

    def advice(self, error):
        return "Ask the toy."


class Diary:
    def __init__(self, study, folder):
        self.file = folder / "diary.txt"

    def hear(self, event):
        with self.file.open("a") as file:
            file.write(type(event).__name__ + chr(10))

    def close(self):
        with self.file.open("a") as file:
            file.write("closed" + chr(10))


class Clumsy:
    def __init__(self, study, folder):
        pass

    def hear(self, event):
        raise ValueError("dropped")

    def close(self):
        pass


class SharpnessSpec(ScoreEntry):
    """How far the model's scores of next tokens lie apart: a score that needs no questions."""

    scorer: ClassVar[str] = "toy_of_tests:SharpnessScorer"
    asks: ClassVar[str] = "tokens"

    kind: Literal["sharpness"]
    power: float = 2.0

    def anchored(self, folder: Path):
        return self

    @property
    def titles(self):
        return ["sharpness"]


class SharpnessScorer:
    def __init__(self, spec, corpus, model, encoding):
        self._spec, self._model = spec, model

    @staticmethod
    def prepare(spec, corpus, sight, kept):
        return Checked("sharpness", {"the power": str(spec.power)}, None)

    @staticmethod
    def samples(spec, corpus, sight):
        return ["some text"]

    def score(self, part=SEARCHED):
        with torch.no_grad():
            spread = self._model(torch.arange(1, 9)[None]).logits[0].std(dim=-1) ** self._spec.power
        items = tuple(spread.tolist())
        design = ItemWeights.of([0] * len(items), range(len(items)), [1 / len(items)] * len(items))
        value = design.mean(items)
        return Score(value, design.stderr(items), items, {"sharpness": value}, design)
'''
_POINTS = """\
[mixtune.samplers]
toy = toy_of_tests:SAMPLER

[mixtune.pruners]
toy = toy_of_tests:PRUNER

[mixtune.methods]
randlora = toy_of_tests:METHOD

[mixtune.listeners]
diary = toy_of_tests:Diary
clumsy = toy_of_tests:Clumsy

[mixtune.databases]
toyfile = toy_of_tests:ToyStorage

[mixtune.scorers]
sharpness = toy_of_tests:SharpnessSpec
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A folder on the path with a package that is installed in the eyes of `importlib.metadata`."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "toy_of_tests.py").write_text(_TOY)
    about = folder / "toy_of_tests-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-of-tests\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(_POINTS)
    return folder


def _launch(folder: Path, toy: Path | None) -> subprocess.CompletedProcess[str]:
    path = [str(toy)] if toy is not None else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")])}
    code = "from studies.cli import main; main()"
    command = [sys.executable, "-c", code, "launch", "study.yaml", "--local"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


STUDY = {
    "name": "plugged",
    "space": {
        "texts": {"folder": "library"},
        "learning_rate": {"low": 1e-3, "high": 1e-2},
        "tuning": {"method": ["lora", "randlora"], "rank": [2, 4]},
    },
    "objective": {
        "tokens": 128,
        "sequence_length": 4,
        "batch_size": 4,
        "rungs": [0.5, 1.0],
        "scores": [{"kind": "sharpness"}],
    },
    "search": {
        "trials": 8,
        "sampler": "toy",
        "pruner": "toy",
        "confirm": {"best": 0},
        "listeners": ["clumsy", "jsonl", "diary"],
    },
}


def _trials(file: Path) -> list[FrozenTrial]:
    """Trials of the study in the toy's database, which is SQLite's in truth."""
    storage = RDBStorage(f"sqlite:///{file}")
    trials = optuna.load_study(study_name="plugged", storage=storage).trials
    storage.engine.dispose()
    return trials


@pytest.mark.torch
def test_a_study_runs_with_rows_of_another_package(tmp_path: Path, toy: Path) -> None:
    for path in write_library(tmp_path / "library").iterdir():
        path.write_text(path.read_text() * 6)
    (tmp_path / "study.yaml").write_text(yaml.safe_dump({**STUDY, "storage": f"toyfile:///{tmp_path}/study.toy"}))
    done = _launch(tmp_path, toy)
    assert done.returncode == 0, done.stderr
    trials = _trials(tmp_path / "study.toy")
    assert len(trials) == 8
    assert any(trial.value is not None and trial.value > 0 for trial in trials)
    assert {trial.user_attrs["config"]["stages"][0]["tuning"]["method"] for trial in trials} == {"lora", "randlora"}
    diary = (tmp_path / "runs" / "plugged" / "diary.txt").read_text().split()
    assert diary.count("TrialFinished") == 8
    assert diary[-1] == "closed"
    assert done.stderr.count("'clumsy'") == 1, "a listener that fails is told of once"
    lines = [json.loads(line) for line in (tmp_path / "runs" / "plugged" / "events.jsonl").read_text().splitlines()]
    assert [line["event"] for line in lines] == diary[:-1]
    assert {line["state"] for line in lines if "state" in line} <= {"COMPLETE", "PRUNED"}
    assert all(line["rung"]["score"] > 0 for line in lines if "rung" in line)
    page = (tmp_path / "runs" / "plugged" / "report" / "report.html").read_text()
    assert "sharpness" in page


def test_without_the_package_its_names_are_refused(tmp_path: Path) -> None:
    write_library(tmp_path / "library")
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    done = _launch(tmp_path, None)
    assert done.returncode == 1
    for word in ("'toy'", "sharpness", "tpe"):
        assert word in done.stderr
