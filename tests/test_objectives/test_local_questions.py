"""Benchmark files on this machine: what stands in them is asked, or refused with file, line and question."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.scoring.question_error import QuestionError
from objectives.scoring.sight import Sight
from spaces import InputError
from tests.questions_of import QUESTIONS, SIGHT, TASK, benchmark

if TYPE_CHECKING:
    from objectives.scoring.asked import AskedTask

pytestmark = pytest.mark.torch

WRITTEN = """\
task: written
dataset_path: json
dataset_kwargs: {data_files: {test: questions.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{q}}"
doc_to_target: "{{a}}"
generation_kwargs: {until: ["?"], max_gen_toks: 2}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""
GOOD = QUESTIONS[0]


def _lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _loaded(folder: Path, content: str, task: str = TASK, name: str = "questions.jsonl", **fields: Any) -> AskedTask:
    from objectives.scoring.tasks import load_tasks

    (folder / name).write_text(content, encoding="utf-8", newline="")
    (folder / "task.yaml").write_text(task.replace("questions.jsonl", name))
    (found,) = load_tasks(benchmark(folder / "task.yaml", **fields), SIGHT)
    return found


def _refused(
    folder: Path, content: str, task: str = TASK, name: str = "questions.jsonl", **fields: Any
) -> QuestionError:
    with pytest.raises(QuestionError) as caught:
        _loaded(folder, content, task, name, **fields)
    assert caught.value.file == folder / name
    assert caught.value.field == "objective.scores"
    return caught.value


def _answers(task: AskedTask) -> list[str]:
    return [question.references[0].args[1].strip() for question in task.questions]


@pytest.mark.parametrize(
    "answer", ["2019-10-12", "2019-10-12T08:30:00", "007", "1e3", "None", "NA", "null", "true", "12:30", "١٢"]
)
def test_a_text_answer_is_asked_as_it_stands(tmp_path: Path, answer: str) -> None:
    """Datasets reads the first as a date where a column holds nothing else, and csv turns others into numbers."""
    rows = _lines({"q": "when was it?", "a": answer}, {"q": "and when was that?", "a": answer})
    assert _answers(_loaded(tmp_path, rows, WRITTEN)) == [answer] * 2
    table = f"q,a\nwhen was it?,{answer}\n"
    csv = WRITTEN.replace("dataset_path: json", "dataset_path: csv")
    assert _answers(_loaded(tmp_path, table, csv, "questions.csv")) == [answer]


def test_values_of_different_types_and_missing_fields_stay_as_they_are(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"q": "one?", "a": 1, "more": {"b": [1, "x"]}},
        {"q": "half?", "a": 2.5},
        {"q": "word?", "a": "two", "more": ["b"]},
        {"q": "big?", "a": 2**80, "other": None},
    ]
    found = _loaded(tmp_path, _lines(*rows), WRITTEN)
    assert [dict(question.doc) for question in found.questions] == rows
    assert _answers(found) == ["1", "2.5", "two", str(2**80)]


def test_every_form_of_json_gives_the_line_of_a_question(tmp_path: Path) -> None:
    rows = [{"q": "one?", "a": "1"}, {"q": "two?", "a": "2"}]
    pretty = json.dumps(rows, indent=2)
    found = _loaded(tmp_path, pretty, WRITTEN, "questions.json")
    assert [(question.doc["q"], question.doc.line) for question in found.questions] == [("one?", 2), ("two?", 6)]
    assert [each.doc.line for each in _loaded(tmp_path, "\n" + _lines(*rows), WRITTEN).questions] == [2, 3]
    field = WRITTEN.replace("dataset_kwargs: {", "dataset_kwargs: {field: data, ")
    under = _loaded(tmp_path, json.dumps({"version": 1, "data": rows}), field, "questions.json")
    assert _answers(under) == ["1", "2"]


def test_lines_of_a_table_are_counted_over_cells_with_line_ends(tmp_path: Path) -> None:
    csv = WRITTEN.replace("dataset_path: json", "dataset_path: csv")
    table = 'q,a\r\n"two\r\nlines?",1\r\nblank?, \r\n'
    assert _refused(tmp_path, table, csv, "questions.csv").line == 4
    short = _refused(tmp_path, "q,a\nwhat?\n", csv, "questions.csv")
    assert (short.line, short.part) == (2, "line")


def test_texts_are_split_at_line_ends_alone(tmp_path: Path) -> None:
    text = """\
task: lines
dataset_path: text
dataset_kwargs: {data_files: {test: questions.txt}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list:
  - {metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}
"""
    found = _loaded(tmp_path, "the ant\u2028and the bee\r\n\r\n2019-10-12\n", text, "questions.txt")
    asked = [(question.doc.line, question.instances[0].args[0]) for question in found.questions]
    assert asked == [(1, "the ant\u2028and the bee"), (3, "2019-10-12")]


def test_a_packed_file_and_a_pattern_are_read_with_the_same_care(tmp_path: Path) -> None:
    for name, answer in (("b", "007"), ("a", "2019-10-12")):
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt") as file:
            file.write(_lines({"q": f"{name}?", "a": answer}))
    found = _loaded(tmp_path, "", WRITTEN.replace("questions.jsonl", "'*.jsonl.gz'"), "unused.jsonl")
    assert _answers(found) == ["2019-10-12", "007"]


@pytest.mark.parametrize(
    "line",
    ['{"q": "a?", "a": "1"', '["a"]', '{"q": "a?", "q": "b?", "a": "1"}', '{"q": "a?", "a": NaN}', '{"q": "\\ud800"}'],
)
def test_a_line_that_is_no_question_is_refused(tmp_path: Path, line: str) -> None:
    error = _refused(tmp_path, _lines({"q": "one?", "a": "1"}) + line + "\n", WRITTEN)
    assert (error.line, error.part) == (2, "line")


@pytest.mark.parametrize("option", ["skiprows: 1", "convert_strings: true"])
def test_an_option_that_is_not_understood_is_refused(tmp_path: Path, option: str) -> None:
    csv = WRITTEN.replace("dataset_path: json", "dataset_path: csv")
    csv = csv.replace("dataset_kwargs: {", f"dataset_kwargs: {{{option}, ")
    with pytest.raises(InputError, match=option.split(":", maxsplit=1)[0]):
        _loaded(tmp_path, "q,a\nwhat?,1\n", csv, "questions.csv")


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
    error = _refused(tmp_path, _lines({"q": "one?", "a": "1"}, row, {"q": "three?", "a": "3"}), WRITTEN)
    assert (error.line, error.part, error.count) == (2, part, 1)
    first = _refused(tmp_path, _lines(row, {"q": "one?", "a": "1"}), WRITTEN)
    assert first.line == 1, "lm-eval itself tries the first question"


@pytest.mark.parametrize(
    "target",
    ["a", "{{a}}", "{{'it is ' ~ a}}", "{{a | string}}", "{{a | trim}}", "{{[a, 'b'] | join(' ')}}", "{{[a]}}"],
)
def test_null_is_never_written_as_a_word(tmp_path: Path, target: str) -> None:
    task = WRITTEN.replace('"{{a}}"', f'"{target}"')
    assert _refused(tmp_path, _lines({"q": "one?", "a": "1"}, {"q": "two?", "a": None}), task).part == "answer"


def test_null_where_nothing_is_asked_is_fine(tmp_path: Path) -> None:
    task = WRITTEN.replace('"{{a}}"', "\"{{a or 'nothing'}}\"")
    found = _loaded(tmp_path, _lines({"q": "one?", "a": None, "note": None}), task)
    assert _answers(found) == ["nothing"]


def test_a_passage_that_is_null_is_refused_rather_than_shared(tmp_path: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    (tmp_path / "questions.jsonl").write_text(_lines({**GOOD, "p": "a pond"}, {**GOOD, "p": None}))
    (tmp_path / "task.yaml").write_text(TASK)
    with pytest.raises(QuestionError) as caught:
        load_tasks(benchmark({"task": str(tmp_path / "task.yaml"), "passage": "{{p}}"}), SIGHT)
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
        error = _refused(tmp_path, _lines(GOOD, {**GOOD, **change}), task)
        assert (error.line, error.part, error.count) == (2, part, 1)
        if part != "prompt":
            assert error.question == GOOD["q"]
            assert _refused(tmp_path, _lines({**GOOD, **change}, GOOD), task).line == 1


def test_several_faults_are_told_at_once(tmp_path: Path) -> None:
    bad = [{**GOOD, "q": f"which {number}?", "choices": ["a", "a"], "gold": number % 2} for number in range(5)]
    for rows in ([GOOD, *bad], [*bad, GOOD]):
        error = _refused(tmp_path, _lines(*rows), TASK)
        assert error.count == 5
        assert "5 of 6 questions" in str(error)
        assert "which 0?" in str(error)


def test_questions_beyond_the_limit_are_not_checked(tmp_path: Path) -> None:
    rows = [*QUESTIONS[:3], {**GOOD, "choices": []}]
    assert len(_loaded(tmp_path, _lines(*rows), limit=3).questions) == 3
    error = _refused(tmp_path, _lines({**GOOD, "gold": 9}, *rows), limit=3)
    assert error.count == 1
    assert _refused(tmp_path, _lines(*rows), limit=4, holdout=0.5).line == 4


def test_digits_that_name_two_choices_are_refused(tmp_path: Path) -> None:
    """Lm-eval takes "2" for the third choice where a template writes it, and for the text where a field is named."""
    row = {"q": "one and one?", "choices": ["1", "2", "3"], "gold": "2"}
    assert _refused(tmp_path, _lines(row)).part == "answer"
    for template, right in (("{{gold | int}}", 2), ("{{choices.index(gold)}}", 1), ("gold", 1)):
        found = _loaded(tmp_path, _lines(row), TASK.replace("{{gold}}", template))
        assert found.questions[0].right == (right,)
    number = _loaded(tmp_path, _lines({**row, "gold": 2}))
    assert number.questions[0].right == (2,)


def test_an_index_in_a_table_is_an_index(tmp_path: Path) -> None:
    task = TASK.replace("dataset_path: json", "dataset_path: csv").replace('"{{choices}}"', '"{{[a, b]}}"')
    table = "q,a,b,gold\nwhich?,ant,bee,1\n"
    for target in ("{{gold}}", "gold"):
        found = _loaded(tmp_path, table, task.replace("{{gold}}", target), "questions.csv")
        assert found.questions[0].right == (1,)


def test_a_choice_without_tokens_is_refused(tmp_path: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    (tmp_path / "questions.jsonl").write_text(_lines(GOOD, {**GOOD, "choices": ["ant", "\u200b", "cat", "fox"]}))
    (tmp_path / "task.yaml").write_text(TASK)
    deaf = Sight(256, lambda text: len(text.replace("\u200b", "").split()))
    with pytest.raises(QuestionError) as caught:
        load_tasks(benchmark(tmp_path / "task.yaml"), deaf)
    assert (caught.value.line, caught.value.part) == (2, "answer")


EXAMPLES = {"question": "One and one?", "answer": "#### 2"}


@pytest.mark.parametrize("change", [{"answer": None}, {"question": None}, {"answer": " "}])
def test_examples_are_checked_as_questions_are(tmp_path: Path, change: dict[str, Any]) -> None:
    from objectives.scoring.tasks import load_tasks

    (tmp_path / "data.jsonl").write_text(_lines({"question": "Two and two?", "answer": "#### 4"}))
    more = tmp_path / "more.jsonl"
    more.write_text(_lines(EXAMPLES, {**EXAMPLES, **change}))
    part = {"task": "gsm8k", "data": str(tmp_path / "data.jsonl"), "few_shot": 1, "examples": str(more)}
    with pytest.raises(QuestionError) as caught:
        load_tasks(benchmark(part), SIGHT)
    assert (caught.value.file, caught.value.line) == (more, 2)


@pytest.mark.parametrize("gold", [None, -1, 7])
def test_an_example_without_a_right_choice_is_refused(tmp_path: Path, gold: int | None) -> None:
    (tmp_path / "more.jsonl").write_text(_lines(GOOD, {**GOOD, "gold": gold}))
    task = TASK.replace("{test: questions.jsonl}", "{test: questions.jsonl, train: more.jsonl}")
    task = task.replace("test_split: test", "test_split: test\nfewshot_split: train\nnum_fewshot: 1")
    with pytest.raises(QuestionError) as caught:
        _loaded(tmp_path, _lines(QUESTIONS[1]), task)
    assert (caught.value.file, caught.value.line) == (tmp_path / "more.jsonl", 2)


def _processed(folder: Path, rows: Sequence[dict[str, Any]]) -> AskedTask:
    (folder / "helper.py").write_text("def docs(rows):\n    return rows.map(lambda row: {'a': row['a'] + '!'})\n")
    return _loaded(folder, _lines(*rows), WRITTEN + "process_docs: !function helper.docs\n", allow_code=True)


def test_code_of_a_task_gets_the_values_of_the_file(tmp_path: Path) -> None:
    assert _answers(_processed(tmp_path, [{"q": "when?", "a": "2019-10-12"}])) == ["2019-10-12!"]


def test_columns_that_would_change_what_stands_in_the_file_are_refused(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"q": "one?", "a": "1", "n": 1}, {"q": "half?", "a": "2", "n": 2.5}]
    with pytest.raises(QuestionError):
        _processed(tmp_path, rows)
    with pytest.raises(QuestionError) as caught:
        _processed(tmp_path, [*rows[:1], {**rows[0], "n": "two"}])
    assert caught.value.line == 2


def test_local_questions_written_into_a_group_are_refused(tmp_path: Path) -> None:
    import yaml

    from objectives.scoring.tasks import load_tasks

    inline = yaml.safe_load(WRITTEN)
    inline["dataset_kwargs"]["data_files"]["test"] = str(tmp_path / "questions.jsonl")
    (tmp_path / "questions.jsonl").write_text(_lines({"q": "when?", "a": "2019-10-12"}))
    (tmp_path / "pair.yaml").write_text(yaml.safe_dump({"group": "pair", "task": [{"group": "in", "task": [inline]}]}))
    with pytest.raises(InputError, match=r"'written'.*task file of its own"):
        load_tasks(benchmark("pair", include=[str(tmp_path)]), SIGHT)


def test_equal_choices_of_a_public_benchmark_are_told(tmp_path: Path) -> None:
    from lm_eval.api.task import ConfigurableTask

    from objectives.scoring.asked import ask
    from objectives.scoring.safety import guard_templates
    from objectives.scoring.spec import TaskSpec

    def public(*rows: dict[str, Any]) -> AskedTask:
        import datasets
        import yaml

        config = {
            **yaml.safe_load(TASK),
            "custom_dataset": lambda **_: {"test": datasets.Dataset.from_list(list(rows))},
        }
        guard_templates(allow_code=False)
        return ask("public", ConfigurableTask(config=config), TaskSpec(task="public"), benchmark("public"), SIGHT, 1.0)

    equal = {**GOOD, "choices": ["ant", "bread", "ant", "fox"]}
    (note,) = public(GOOD, equal).notes
    assert note.startswith("1 of 2 questions of the task 'public'")
    assert public(GOOD).notes == ()
    with pytest.raises(QuestionError) as caught:
        public(GOOD, {**GOOD, "choices": ["ant", "", "b", "c"]})
    assert (caught.value.file, caught.value.line, caught.value.part) == (None, None, "choices")


def test_an_answer_may_take_what_the_longest_prompt_leaves(tmp_path: Path) -> None:
    from objectives.scoring.asked import answer_tokens

    def allowed(*rows: dict[str, str]) -> set[int]:
        task = WRITTEN.replace("max_gen_toks: 2", "max_gen_toks: 1000")
        found = _loaded(tmp_path, _lines(*rows), task)
        return {answer_tokens(question.instances[0].args[1]) for question in found.questions}

    short, long = {"q": "how many?", "a": "2"}, {"q": "word " * 200, "a": "2"}
    assert allowed(short, {"q": "and how many are these?", "a": "3"}) == {256 - 5}
    assert allowed(short, long) == {128}, "half of the context in any case"
