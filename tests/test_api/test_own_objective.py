"""Objectives that are Python functions: what they may return, how they resume, and how they are found again."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import mixtune
from mixtune import Ending, Study, TrialConfig
from tests.support.planted import planted
from tests.support.refusals import refused


def in_steps(trial: TrialConfig) -> Iterator[float]:
    for share in (0.5, 1.0):
        yield share * planted(trial)


class Planted:
    """An objective that is an object."""

    def __call__(self, trial: TrialConfig) -> float:
        return planted(trial)


def run(texts: str, objective: Callable[..., Any], **fields: Any) -> tuple[Study, mixtune.Outcome]:
    study = Study.create(texts=texts, objective=objective, name="own", trials=12, **fields)
    return study, study.run("local")


@pytest.mark.parametrize("objective", [planted, Planted(), lambda trial: planted(trial)])
def test_functions_objects_and_lambdas_are_objectives(texts: str, objective: Callable[..., Any]) -> None:
    study, outcome = run(texts, objective)
    assert (outcome.ending, outcome.status.complete) == (Ending.FINISHED, 12)
    assert study.best.score > 1.0


def test_a_generator_reports_at_rungs_and_is_pruned(texts: str) -> None:
    study = Study.create(
        {"name": "own", "space": {"texts": {"folder": texts}}, "objective": {"kind": "function", "function": in_steps}},
        objective={"rungs": 2, "tokens": 100},
        search={"trials": 40, "sampler": "random"},
    )
    study.run("local")
    assert study.best.scores["tokens"].tolist() == [50, 100]
    assert study.status().pruned > 0


@pytest.mark.parametrize(
    ("returned", "says"), [("many", "str"), (float("nan"), "nan"), (None, "NoneType"), (iter([1.0]), "list_iterator")]
)
def test_what_is_no_score_fails_the_trial(texts: str, returned: object, says: str) -> None:
    study, outcome = run(texts, lambda trial: returned)
    assert outcome.ending is Ending.FAILING
    assert says in outcome.reason
    assert study.status().complete == 0


@pytest.mark.parametrize(("rungs", "came"), [(1, "got more"), (3, "got 2")])
def test_another_number_of_scores_than_rungs_fails_the_trial(texts: str, rungs: int, came: str) -> None:
    data = {"name": "own", "space": {"texts": {"folder": texts}}, "search": {"pruner": "none"}}
    study = Study.create(data, objective={"kind": "function", "function": in_steps, "rungs": rungs})
    outcome = study.run("local")
    assert outcome.ending is Ending.FAILING
    assert came in outcome.reason


def test_what_cannot_be_called_is_refused(texts: str) -> None:
    with refused("not-callable", field="objective.function"):
        Study.create(texts=texts, objective={"kind": "function", "function": 3}, name="own")


def test_an_interrupted_trial_keeps_its_rungs(texts: str, tmp_path: Path) -> None:
    from objectives.function import FunctionObjective
    from objectives.spec import FunctionSpec
    from spaces import scan
    from tests.support.trials import record

    spec = FunctionSpec(kind="function", function=in_steps, rungs=2, tokens=100)
    corpus = scan(Path(texts))
    trial = record(0, ("ants",), 0.0).config
    whole = list(FunctionObjective(spec, corpus, tmp_path).evaluate(trial, tmp_path / "whole"))
    begun = FunctionObjective(spec, corpus, tmp_path).evaluate(trial, tmp_path / "cut")
    first = next(begun)
    del begun
    rest = list(FunctionObjective(spec, corpus, tmp_path).evaluate(trial, tmp_path / "cut"))
    assert [rung.score for rung in rest] == [rung.score for rung in whole]
    assert rest[0] == first


def test_a_script_resumes_with_its_function_and_the_command_line_says_why_it_cannot(texts: str) -> None:
    script = """
import mixtune
def objective(trial):
    return float("ants" in trial.mix.names)
if __name__ == "__main__":
    study = mixtune.Study.create(texts="library", objective=objective, name="scripted", trials=8)
    print(study.run("local").ending.name)
"""
    Path("script.py").write_text(script)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.strip() == "FINISHED", done.stderr
    with refused("function-not-importable", "open_study"):
        mixtune.open_study("scripted").resume(trials=12, backend="local")


def test_another_function_under_the_same_name_is_refused(texts: str) -> None:
    def make(factor: float) -> Callable[..., Any]:
        if factor > 1:

            def objective(trial: TrialConfig) -> float:
                return 2 * planted(trial)
        else:

            def objective(trial: TrialConfig) -> float:
                return planted(trial)

        return objective

    run(texts, make(1.0))
    with refused("inputs-changed", "objective"):
        mixtune.open_study("own", objective=make(2.0)).resume(trials=14, backend="local")


def test_an_object_is_found_again_under_its_name_and_an_unnamed_one_is_not(
    texts: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("objects.py").write_text(
        "class Words:\n    def __call__(self, trial):\n        return float(len(trial.mix.names))\n\nnamed = Words()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    objects: Any = importlib.import_module("objects")
    for name, objective in (("named", objects.named), ("unnamed", objects.Words())):
        Study.create(texts=texts, objective=objective, name=name, trials=4).run("local")
    assert mixtune.open_study("named").resume(trials=6, backend="local").status.complete == 6
    with refused("function-not-importable", "'objects:Words()'"):
        mixtune.open_study("unnamed").resume(trials=6, backend="local")
    del sys.modules["objects"]


@pytest.mark.ray
def test_functions_of_a_module_in_the_users_folder_reach_workers_of_ray(
    texts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("helpers.py").write_text("STEP = 2.0\n\ndef helper(names):\n    return STEP * len(names)\n")
    Path("mine.py").write_text(
        "from helpers import helper\n\ndef objective(trial):\n    return helper(trial.mix.names)\n"
    )
    script = """
import mine, mixtune
if __name__ == "__main__":
    study = mixtune.Study.create(texts="library", objective=mine.objective, name="mine", trials=4)
    print(study.run("ray").status.complete)
"""
    Path("script.py").write_text(script)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout.strip().endswith("4"), done.stderr
