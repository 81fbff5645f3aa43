"""Mistakes that would change a study in silence: of names, of functions, of folders, of other programs."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import mixtune
from mixtune import Study, TrialConfig, open_study
from tests.support.planted import planted
from tests.support.refusals import refused


def constant(value: float) -> Callable[[TrialConfig], float]:
    def objective(trial: TrialConfig) -> float:
        return value

    return objective


def scaled(trial: TrialConfig, by: float = 1.0) -> float:
    return by * planted(trial)


def test_a_misspelled_keyword_is_refused(texts: str) -> None:
    with refused("argument-unknown", "'tirals'", "'trials'"):
        Study.create(texts=texts, objective=planted, tirals=9)  # type: ignore[call-arg]


@pytest.mark.parametrize("fields", [{"tasks": ["arc_easy"]}, {"base": "tiny"}, {"scorers": [planted]}])
def test_an_own_objective_takes_nothing_of_a_training(texts: str, fields: dict[str, Any]) -> None:
    with refused("argument-unfit", next(iter(fields))):
        Study.create(texts=texts, objective=planted, **fields)


def test_a_new_function_replaces_the_one_of_an_older_study(texts: str) -> None:
    first = Study.create(texts=texts, objective=constant(1.0), name="one", trials=4)
    second = Study.create(first.spec, objective=constant(2.0), name="two")
    second.run("local")
    assert second.best.score == 2.0


def test_two_functions_of_one_name_are_refused(texts: str) -> None:
    with refused("functions-alike", "objective"):
        Study.create(texts=texts, scorers=[constant(1.0), constant(2.0)], name="alike")


def test_a_function_that_the_study_does_not_call_is_refused(texts: str) -> None:
    Study.create(texts=texts, objective=planted, name="own", trials=4)
    with refused("function-unused", "scaled"):
        open_study("own", objective=scaled)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (constant(1.0), constant(2.0)),
        (functools.partial(scaled, by=1.0), functools.partial(scaled, by=2.0)),
    ],
    ids=["closure", "partial"],
)
def test_other_enclosed_values_are_another_function(texts: str, old: Any, new: Any) -> None:
    Study.create(texts=texts, objective=old, name="own", trials=4).run("local")
    with refused("inputs-changed"):
        open_study("own", objective=new).resume(trials=6, backend="local")
    assert open_study("own", objective=old).resume(trials=6, backend="local").status.complete == 6


def test_a_class_and_another_signature_are_refused(texts: str) -> None:
    class Own:
        def __call__(self, trial: TrialConfig) -> float:
            return 1.0

    with refused("class-for-object", "Own()", field="objective.function"):
        Study.create(texts=texts, objective=Own, name="own")
    with refused("function-signature", "must take 1 argument"):
        Study.create(texts=texts, objective=lambda: 1.0, name="own")
    assert not Path("runs").exists()


def test_questions_without_a_text_of_their_own_are_refused(texts: str) -> None:
    class Scorer:
        questions = (object(), object(), object(), object())

        def __call__(self, model: Any, tokenizer: Any, questions: Any) -> list[float]:
            return [0.0 for _ in questions]

    with refused("questions-malformed", field="objective.scores"):
        Study.create(texts=texts, scorers=[Scorer()], name="own")


def test_a_study_that_was_resumed_elsewhere_keeps_its_trials(texts: str) -> None:
    created = Study.create(texts=texts, objective=planted, name="own", trials=4)
    open_study("own", objective=planted).resume(trials=8, backend="local")
    created.run("local")
    status = created.status()
    assert (status.total, status.complete) == (8, 8)


def test_a_copied_folder_is_a_study_of_its_own(texts: str) -> None:
    Study.create(texts=texts, objective=planted, name="own", trials=4).run("local")
    shutil.copytree("runs/own", "runs/copy")
    copied = open_study(Path("runs/copy"), objective=planted)
    copied.resume(trials=6, backend="local")
    assert (len(copied.trials()), len(open_study("own").trials())) == (6, 4)
    assert copied.folder == Path("runs/copy")


def test_a_scorers_name_hides_no_column(texts: str) -> None:
    def state(trial: TrialConfig) -> float:
        return 0.5

    study = Study.create(texts=texts, objective=state, name="own", trials=4)
    assert study.trials().columns.tolist()[:4] == ["trial", "arm", "pair", "state"]
    study.run("local")
    assert set(study.trials()["state"]) == {"complete"}


def test_former_names_in_keywords_are_one_field(texts: str) -> None:
    mixtune.write_study_file(texts, "study.yaml", measure=False)
    study = Study.create("study.yaml", objective={"batch": 4}, search={"failures": 7})
    objective = study.spec.objective
    assert objective.kind == "finetune"
    assert (objective.batch_size, study.spec.search.max_consecutive_failures) == (4, 7)


def test_a_fault_of_a_keyword_is_not_laid_to_the_file(texts: str) -> None:
    mixtune.write_study_file(texts, "study.yaml", measure=False)
    with pytest.raises(mixtune.InputError, match="'antz'") as caught:
        Study.create("study.yaml", heldout="antz")
    assert not isinstance(caught.value, mixtune.FileError)


def test_a_single_task_or_scorer_needs_no_list(texts: str) -> None:
    def ones(model: Any, tokenizer: Any) -> list[float]:
        return [1.0, 1.0]

    study = Study.create(texts=texts, scorers=ones, name="own")  # type: ignore[arg-type]
    assert [score.kind for score in study.spec.objective.scores] == ["function"]  # type: ignore[union-attr]
    with refused("task-unknown", "'no_such_task'"):
        Study.create(texts=texts, tasks="no_such_task", name="other")


def test_functions_that_enclose_each_other_are_hashed(texts: str) -> None:
    def even(number: int) -> bool:
        return number == 0 or odd(number - 1)

    def odd(number: int) -> bool:
        return number != 0 and even(number - 1)

    def objective(trial: TrialConfig) -> float:
        return float(even(len(trial.mix.names)))

    assert Study.create(texts=texts, objective=objective, name="own", trials=4).run("local").status.complete == 4


def test_what_an_object_keeps_for_itself_does_not_make_it_another(texts: str) -> None:
    class Counting:
        def __init__(self) -> None:
            self._calls = 0

        def __call__(self, trial: TrialConfig) -> float:
            self._calls += 1
            return planted(trial)

    study = Study.create(texts=texts, objective=Counting(), name="own", trials=4)
    study.run("local")
    assert study.resume(trials=6, backend="local").status.complete == 6


def test_more_trials_that_were_checked_are_run_though_another_program_ran_meanwhile(texts: str) -> None:
    study = Study.create(texts=texts, objective=planted, name="own", trials=4)
    study.run("local")
    study.check(trials=10)
    open_study("own", objective=planted).resume(trials=6, backend="local")
    assert study.run("local").status.complete == 10


def test_a_class_is_refused_by_open_study_too(texts: str) -> None:
    class Own:
        def __call__(self, trial: TrialConfig) -> float:
            return 1.0

    Study.create(texts=texts, objective=planted, name="own", trials=4)
    with refused("class-for-object", "Own()"):
        open_study("own", objective=Own)


def test_a_mapping_with_a_former_name_is_read_with_a_warning(texts: str) -> None:
    data = {"name": "own", "space": {"texts": {"folder": texts}}, "search": {"failures": 7, "trials": 4}}
    with pytest.warns(mixtune.FormerName, match="`failures` is now called `max_consecutive_failures`"):
        study = Study.create(data, objective=planted)
    assert study.spec.search.max_consecutive_failures == 7
