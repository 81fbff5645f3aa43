"""Questions that cannot be asked or judged are refused with file, line and fault, before anything is computed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.scoring.context_window import ContextWindow
from objectives.scoring.questions.error import QuestionError
from tests.support.local_questions import GOOD, WRITTEN, answers, lines, loaded, question_error
from tests.support.questions import QUESTIONS, TASK, WINDOW, benchmark

if TYPE_CHECKING:
    from objectives.scoring.questions.loaded_task import LoadedTask

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("row", "part"),
    [
        ({"q": "two?", "a": None}, "answer"),
        ({"q": None, "a": "2"}, "prompt"),
        ({"a": "2"}, "prompt"),
        ({"q": "two?"}, "answer"),
        ({"q": " \n", "a": "2"}, "prompt"),
        ({"q": "two?", "a": ""}, "answer"),
        ({"q": "two?", "a": [None]}, "answer"),
    ],
)
def test_null_and_blank_fields_that_are_asked_are_refused(tmp_path: Path, row: dict[str, Any], part: str) -> None:
    error = question_error(tmp_path, lines({"q": "one?", "a": "1"}, row, {"q": "three?", "a": "3"}), WRITTEN)
    assert (error.line, error.part, error.count) == (2, part, 1)
    first = question_error(tmp_path, lines(row, {"q": "one?", "a": "1"}), WRITTEN)
    assert first.line == 1, "lm-eval itself tries the first question"


@pytest.mark.parametrize(
    "target",
    ["a", "{{a}}", "{{'it is ' ~ a}}", "{{a | string}}", "{{a | trim}}", "{{[a, 'b'] | join(' ')}}", "{{[a]}}"],
)
def test_null_is_never_written_as_a_word(tmp_path: Path, target: str) -> None:
    task = WRITTEN.replace('"{{a}}"', f'"{target}"')
    assert question_error(tmp_path, lines({"q": "one?", "a": "1"}, {"q": "two?", "a": None}), task).part == "answer"


def test_null_where_nothing_is_asked_is_fine(tmp_path: Path) -> None:
    task = WRITTEN.replace('"{{a}}"', "\"{{a or 'nothing'}}\"")
    found = loaded(tmp_path, lines({"q": "one?", "a": None, "note": None}), task)
    assert answers(found) == ["nothing"]


def test_a_passage_that_is_null_is_refused_rather_than_shared(tmp_path: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    (tmp_path / "questions.jsonl").write_text(lines({**GOOD, "p": "a pond"}, {**GOOD, "p": None}))
    (tmp_path / "task.yaml").write_text(TASK)
    with pytest.raises(QuestionError) as caught:
        load_tasks(benchmark({"task": str(tmp_path / "task.yaml"), "passage": "{{p}}"}), WINDOW)
    assert caught.value.line == 2


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"choices": ["ant", "bread", " ant ", "fox"]}, "choices"),
        ({"choices": ["ant", "", "cat"]}, "choices"),
        ({"choices": ["ant", None, "cat"]}, "choices"),
        ({"choices": [1, 2, 3]}, "choices"),
        ({"choices": []}, "choices"),
        ({"choices": ["ant"], "gold": 0}, "choices"),
        ({"choices": None}, "choices"),
        ({"choices": "ant"}, "choices"),
        ({"gold": 4}, "answer"),
        ({"gold": -1}, "answer"),
        ({"gold": 1.5}, "answer"),
        ({"gold": None}, "answer"),
        ({"gold": []}, "answer"),
        ({"gold": "wolf"}, "answer"),
        ({"gold": [0, 1]}, "answer"),
        ({"q": ""}, "prompt"),
        ({"q": "42"}, "prompt"),
    ],
)
def test_questions_that_cannot_be_judged_are_refused(tmp_path: Path, change: dict[str, Any], part: str) -> None:
    for task in (TASK, TASK.replace("{{choices}}", "choices").replace("{{gold}}", "gold").replace("{{q}}", "q")):
        if change == {"q": "42"} and '"q"' in task:
            continue  # the field itself is text
        error = question_error(tmp_path, lines(GOOD, {**GOOD, **change}), task)
        assert (error.line, error.part, error.count) == (2, part, 1)
        if part != "prompt":
            assert error.question == GOOD["q"]
            first = question_error(tmp_path, lines({**GOOD, **change}, GOOD), task)
            assert first.line == (2 if change == {"gold": [0, 1]} else 1), "the first question says what all should be"


def test_several_faults_are_told_at_once(tmp_path: Path) -> None:
    bad = [{**GOOD, "q": f"which {number}?", "choices": ["a", "a"], "gold": number % 2} for number in range(5)]
    for rows in ([GOOD, *bad], [*bad, GOOD]):
        error = question_error(tmp_path, lines(*rows), TASK)
        assert error.count == 5
        assert "5 of 6" in str(error)
        assert "which 0?" in str(error)


def test_questions_beyond_the_limit_are_not_checked(tmp_path: Path) -> None:
    rows = [*QUESTIONS[:3], {**GOOD, "choices": []}]
    assert len(loaded(tmp_path, lines(*rows), limit=3).questions) == 3
    error = question_error(tmp_path, lines({**GOOD, "gold": 9}, *rows), limit=3)
    assert error.count == 1
    assert question_error(tmp_path, lines(*rows), limit=4, holdout=0.5).line == 4


def test_digits_that_name_two_choices_are_refused(tmp_path: Path) -> None:
    """Lm-eval takes "2" for the third choice where a template writes it, and for the text where a field is named."""
    row = {"q": "one and one?", "choices": ["1", "2", "3"], "gold": "2"}
    assert question_error(tmp_path, lines(row)).part == "answer"
    for template, right in (("{{gold | int}}", 2), ("{{choices.index(gold)}}", 1), ("gold", 1)):
        found = loaded(tmp_path, lines(row), TASK.replace("{{gold}}", template))
        assert found.questions[0].right == (right,)
    number = loaded(tmp_path, lines({**row, "gold": 2}))
    assert number.questions[0].right == (2,)


def test_an_index_in_a_table_is_an_index(tmp_path: Path) -> None:
    task = TASK.replace("dataset_path: json", "dataset_path: csv").replace('"{{choices}}"', '"{{[a, b]}}"')
    table = "q,a,b,gold\nwhich?,ant,bee,1\n"
    for target in ("{{gold}}", "gold"):
        found = loaded(tmp_path, table, task.replace("{{gold}}", target), "questions.csv")
        assert found.questions[0].right == (1,)


def test_a_choice_without_tokens_is_refused(tmp_path: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    (tmp_path / "questions.jsonl").write_text(lines(GOOD, {**GOOD, "choices": ["ant", "\u200b", "cat", "fox"]}))
    (tmp_path / "task.yaml").write_text(TASK)
    deaf = ContextWindow(256, lambda text: len(text.replace("\u200b", "").split()))
    with pytest.raises(QuestionError) as caught:
        load_tasks(benchmark(tmp_path / "task.yaml"), deaf)
    assert (caught.value.line, caught.value.part) == (2, "answer")


EXAMPLES = {"question": "One and one?", "answer": "#### 2"}


@pytest.mark.parametrize("change", [{"answer": None}, {"question": None}, {"answer": " "}])
def test_examples_are_checked_as_questions_are(tmp_path: Path, change: dict[str, Any]) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    (tmp_path / "data.jsonl").write_text(lines({"question": "Two and two?", "answer": "#### 4"}))
    more = tmp_path / "more.jsonl"
    more.write_text(lines(EXAMPLES, {**EXAMPLES, **change}))
    part = {"task": "gsm8k", "data": str(tmp_path / "data.jsonl"), "few_shot": 1, "examples": str(more)}
    with pytest.raises(QuestionError) as caught:
        load_tasks(benchmark(part), WINDOW)
    assert (caught.value.file, caught.value.line) == (more, 2)


@pytest.mark.parametrize("gold", [None, -1, 7])
def test_an_example_without_a_right_choice_is_refused(tmp_path: Path, gold: int | None) -> None:
    (tmp_path / "more.jsonl").write_text(lines(GOOD, {**GOOD, "gold": gold}))
    task = TASK.replace("{test: questions.jsonl}", "{test: questions.jsonl, train: more.jsonl}")
    task = task.replace("test_split: test", "test_split: test\nfewshot_split: train\nnum_fewshot: 1")
    with pytest.raises(QuestionError) as caught:
        loaded(tmp_path, lines(QUESTIONS[1]), task)
    assert (caught.value.file, caught.value.line) == (tmp_path / "more.jsonl", 2)


def test_equal_choices_of_a_public_benchmark_are_told(tmp_path: Path) -> None:
    from lm_eval.api.task import ConfigurableTask

    from objectives.scoring.questions.loaded_task import build_task
    from objectives.scoring.questions.safety import guard_templates
    from objectives.scoring.spec import TaskSpec

    def public(*rows: dict[str, Any]) -> LoadedTask:
        import datasets
        import yaml

        config = {
            **yaml.safe_load(TASK),
            "custom_dataset": lambda **_: {"test": datasets.Dataset.from_list(list(rows))},
        }
        guard_templates(allow_code=False)
        return build_task(
            "public", ConfigurableTask(config=config), TaskSpec(task="public"), benchmark("public"), WINDOW, 1.0
        )

    equal = {**GOOD, "choices": ["ant", "bread", "ant", "fox"]}
    (note,) = public(GOOD, equal).notes
    assert "1 of 2" in note
    assert "'public'" in note
    assert public(GOOD).notes == ()
    with pytest.raises(QuestionError) as caught:
        public(GOOD, {**GOOD, "choices": ["ant", "", "b", "c"]})
    assert (caught.value.file, caught.value.line, caught.value.part) == (None, None, "choices")
