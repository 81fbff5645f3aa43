"""Benchmark files on this machine: what stands in them is asked, or refused with file, line and question."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_questions import WRITTEN, answers, lines, loaded, question_error
from tests.support.questions import WINDOW, benchmark
from tests.support.refusals import refused

if TYPE_CHECKING:
    from objectives.scoring.questions.loaded_task import LoadedTask

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    "answer", ["2019-10-12", "2019-10-12T08:30:00", "007", "1e3", "None", "NA", "null", "true", "12:30", "١٢"]
)
def test_a_text_answer_is_asked_as_it_stands(tmp_path: Path, answer: str) -> None:
    """Datasets reads the first as a date where a column holds nothing else, and csv turns others into numbers."""
    rows = lines({"q": "when was it?", "a": answer}, {"q": "and when was that?", "a": answer})
    assert answers(loaded(tmp_path, rows, WRITTEN)) == [answer] * 2
    table = f"q,a\nwhen was it?,{answer}\n"
    csv = WRITTEN.replace("dataset_path: json", "dataset_path: csv")
    assert answers(loaded(tmp_path, table, csv, "questions.csv")) == [answer]


def test_values_of_different_types_and_missing_fields_stay_as_they_are(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"q": "one?", "a": 1, "more": {"b": [1, "x"]}},
        {"q": "half?", "a": 2.5},
        {"q": "word?", "a": "two", "more": ["b"]},
        {"q": "big?", "a": 2**80, "other": None},
    ]
    found = loaded(tmp_path, lines(*rows), WRITTEN)
    assert [dict(question.doc) for question in found.questions] == rows
    assert answers(found) == ["1", "2.5", "two", str(2**80)]


def test_every_form_of_json_gives_the_line_of_a_question(tmp_path: Path) -> None:
    rows = [{"q": "one?", "a": "1"}, {"q": "two?", "a": "2"}]
    pretty = json.dumps(rows, indent=2)
    found = loaded(tmp_path, pretty, WRITTEN, "questions.json")
    assert [(question.doc["q"], question.doc.line) for question in found.questions] == [("one?", 2), ("two?", 6)]
    assert [each.doc.line for each in loaded(tmp_path, "\n" + lines(*rows), WRITTEN).questions] == [2, 3]
    field = WRITTEN.replace("dataset_kwargs: {", "dataset_kwargs: {field: data, ")
    under = loaded(tmp_path, json.dumps({"version": 1, "data": rows}), field, "questions.json")
    assert answers(under) == ["1", "2"]


def test_lines_of_a_table_are_counted_over_cells_with_line_ends(tmp_path: Path) -> None:
    csv = WRITTEN.replace("dataset_path: json", "dataset_path: csv")
    table = 'q,a\r\n"two\r\nlines?",1\r\nblank?, \r\n'
    assert question_error(tmp_path, table, csv, "questions.csv").line == 4
    short = question_error(tmp_path, "q,a\nwhat?\n", csv, "questions.csv")
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
    found = loaded(tmp_path, "the ant\u2028and the bee\r\n\r\n2019-10-12\n", text, "questions.txt")
    asked = [(question.doc.line, question.instances[0].args[0]) for question in found.questions]
    assert asked == [(1, "the ant\u2028and the bee"), (3, "2019-10-12")]


def test_a_packed_file_and_a_pattern_are_read_with_the_same_care(tmp_path: Path) -> None:
    for name, answer in (("b", "007"), ("a", "2019-10-12")):
        with gzip.open(tmp_path / f"{name}.jsonl.gz", "wt") as file:
            file.write(lines({"q": f"{name}?", "a": answer}))
    found = loaded(tmp_path, "", WRITTEN.replace("questions.jsonl", "'*.jsonl.gz'"), "unused.jsonl")
    assert answers(found) == ["2019-10-12", "007"]


@pytest.mark.parametrize(
    "line",
    ['{"q": "a?", "a": "1"', '["a"]', '{"q": "a?", "q": "b?", "a": "1"}', '{"q": "a?", "a": NaN}', '{"q": "\\ud800"}'],
)
def test_a_line_that_is_no_question_is_refused(tmp_path: Path, line: str) -> None:
    error = question_error(tmp_path, lines({"q": "one?", "a": "1"}) + line + "\n", WRITTEN)
    assert (error.line, error.part) == (2, "line")


@pytest.mark.parametrize("option", ["skiprows: 1", "convert_strings: true"])
def test_an_option_that_is_not_understood_is_refused(tmp_path: Path, option: str) -> None:
    csv = WRITTEN.replace("dataset_path: json", "dataset_path: csv")
    csv = csv.replace("dataset_kwargs: {", f"dataset_kwargs: {{{option}, ")
    with refused("data-option-unknown", option.split(":", maxsplit=1)[0], field="objective.scores"):
        loaded(tmp_path, "q,a\nwhat?,1\n", csv, "questions.csv")


def _processed(folder: Path, rows: Sequence[dict[str, Any]]) -> LoadedTask:
    (folder / "helper.py").write_text("def docs(rows):\n    return rows.map(lambda row: {'a': row['a'] + '!'})\n")
    return loaded(folder, lines(*rows), WRITTEN + "process_docs: !function helper.docs\n", allow_code=True)


def test_code_of_a_task_gets_the_values_of_the_file(tmp_path: Path) -> None:
    assert answers(_processed(tmp_path, [{"q": "when?", "a": "2019-10-12"}])) == ["2019-10-12!"]


def test_columns_that_would_change_what_stands_in_the_file_are_refused(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"q": "one?", "a": "1", "n": 1}, {"q": "half?", "a": "2", "n": 2.5}]
    with refused("question", part="line"):
        _processed(tmp_path, rows)
    with refused("question", part="line", line=2):
        _processed(tmp_path, [*rows[:1], {**rows[0], "n": "two"}])


def test_local_questions_written_into_a_group_are_refused(tmp_path: Path) -> None:
    import yaml

    from objectives.scoring.questions.tasks import load_tasks

    inline = yaml.safe_load(WRITTEN)
    inline["dataset_kwargs"]["data_files"]["test"] = str(tmp_path / "questions.jsonl")
    (tmp_path / "questions.jsonl").write_text(lines({"q": "when?", "a": "2019-10-12"}))
    (tmp_path / "pair.yaml").write_text(yaml.safe_dump({"group": "pair", "task": [{"group": "in", "task": [inline]}]}))
    with refused("group-holds-local-task", "'written'", field="objective.scores"):
        load_tasks(benchmark("pair", include=[str(tmp_path)]), WINDOW)


def test_an_answer_may_take_what_the_longest_prompt_leaves(tmp_path: Path) -> None:
    from objectives.scoring.questions.loaded_task import answer_tokens

    def allowed(*rows: dict[str, str]) -> set[int]:
        task = WRITTEN.replace("max_gen_toks: 2", "max_gen_toks: 1000")
        found = loaded(tmp_path, lines(*rows), task)
        return {answer_tokens(question.instances[0].args[1]) for question in found.questions}

    short, long = {"q": "how many?", "a": "2"}, {"q": "word " * 200, "a": "2"}
    assert allowed(short, {"q": "and how many are these?", "a": "3"}) == {256 - 5}
    assert allowed(short, long) == {128}, "half of the context in any case"


_CHOICES = """\
task: own
dataset_path: {path}
dataset_kwargs: {options}
test_split: test
output_type: multiple_choice
doc_to_text: "{text}"
doc_to_choice: "{choices}"
doc_to_target: "{target}"
metric_list: [{{metric: acc}}]
"""


def _own(text: str, choices: str, target: str, path: str = "json", options: str = "") -> str:
    options = options or "{data_files: {test: questions.jsonl}}"
    return _CHOICES.format(path=path, options=options, text=text, choices=choices, target=target)


def test_choices_in_the_prompt_and_several_right_answers_are_asked(tmp_path: Path) -> None:
    """Tasks of Winogrande's kind, whose prompt is the number of a choice, and tasks with lists of right answers."""
    sides = {"a": "cat", "b": "dog"}
    rows = [{"s": "The _ ran", **sides, "gold": "1"}, {"s": "The _ sat", **sides, "gold": "2"}]
    inside = _own("{{gold|int - 1}}", "{{['The ' ~ a, 'The ' ~ b]}}", "{{s[6:]}}")
    task = loaded(tmp_path, lines(*rows), inside)
    assert [question.right for question in task.questions] == [(0,), (1,)]
    assert task.questions[0].instances[1].args[0] == "The dog"
    several = [{"q": "Which are small?", "choices": ["ant", "whale", "bee"], "gold": [0, 2]}] * 2
    task = loaded(tmp_path, lines(*several), _own("{{q}}", "{{choices}}", "gold"))
    assert [question.right for question in task.questions] == [(0, 2), (0, 2)]


@pytest.mark.parametrize("where", ["data_dir", "folder"])
def test_a_folder_whose_types_would_be_guessed_is_refused(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "test.jsonl").write_text(lines({"q": "when?", "choices": ["2019-10-12", "never"], "gold": 0}))
    source = {"path": "json", "options": f"{{data_dir: {folder}}}"}
    if where == "folder":
        source = {"path": str(folder), "options": "{}"}
    with refused("data-folder", field="objective.scores"):
        loaded(tmp_path, "", _own("{{q}}", "{{choices}}", "{{gold}}", **source))
