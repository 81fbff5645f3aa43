"""Small tasks of every output type for tests, as files that lm-eval itself can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from objectives.scoring.context_window import ContextWindow
from objectives.scoring.spec import BenchmarkSpec

QUESTIONS = [
    {"q": "which of ant bread cat fox is odd?", "choices": ["ant", "bread", "cat", "fox"], "gold": 1},
    {"q": "which of one nine two six is between five and eight?", "choices": ["one", "nine", "two", "six"], "gold": 3},
    {"q": "which of whale bee cat frog is heaviest?", "choices": ["whale", "bee", "cat", "frog"], "gold": 0},
    {"q": "the ant and the bee", "choices": ["went to the river", "slept"], "gold": 0},
]
TASK = """\
task: small
dataset_path: json
dataset_kwargs: {data_files: {test: questions.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{gold}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""


WINDOW = ContextWindow(256, lambda text: len(text.split()))
"""Tokenizer of a base that reads words."""


def benchmark(*tasks: Path | str | dict[str, Any], **fields: Any) -> BenchmarkSpec:
    """An entry over these tasks, all of their questions asked."""
    return BenchmarkSpec.model_validate(
        {
            "kind": "benchmark",
            "tasks": [str(task) if isinstance(task, Path) else task for task in tasks],
            "holdout": 0,
            **fields,
        }
    )


def write_task(folder: Path) -> Path:
    """A task of four questions with choices; returns its file."""
    lines = "".join(json.dumps(question) + "\n" for question in QUESTIONS)
    (folder / "questions.jsonl").write_text(lines, encoding="utf-8")
    (folder / "small.yaml").write_text(TASK, encoding="utf-8")
    return folder / "small.yaml"
