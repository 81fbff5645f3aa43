"""Local question files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.scoring.questions.error import QuestionError
from tests.support.questions import QUESTIONS, TASK, WINDOW, benchmark

if TYPE_CHECKING:
    from objectives.scoring.questions.loaded_task import LoadedTask

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


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def loaded(folder: Path, content: str, task: str = TASK, name: str = "questions.jsonl", **fields: Any) -> LoadedTask:
    from objectives.scoring.questions.tasks import load_tasks

    (folder / name).write_text(content, encoding="utf-8", newline="")
    (folder / "task.yaml").write_text(task.replace("questions.jsonl", name))
    (found,) = load_tasks(benchmark(folder / "task.yaml", **fields), WINDOW)
    return found


def question_error(
    folder: Path, content: str, task: str = TASK, name: str = "questions.jsonl", **fields: Any
) -> QuestionError:
    with pytest.raises(QuestionError) as caught:
        loaded(folder, content, task, name, **fields)
    assert caught.value.file == folder / name
    assert (caught.value.field, caught.value.code) == ("objective.scores", "question")
    return caught.value


def answers(task: LoadedTask) -> list[str]:
    return [question.references[0].args[1].strip() for question in task.questions]
