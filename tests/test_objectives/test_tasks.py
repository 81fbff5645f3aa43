"""Task files, names and folders: what is found, and what is refused before anything is computed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.questions import TASK, WINDOW, benchmark
from tests.support.refusals import refused

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("change", "code", "data"),
    [
        (lambda path: path.unlink(), "task-file-missing", []),
        (lambda path: path.write_text("dataset_path: json\n"), "task-file-without-name", ["`task:`", "dataset_path"]),
        (lambda path: path.with_name("questions.jsonl").unlink(), "data-missing", ["'questions.jsonl'"]),
        (
            lambda path: path.write_text(TASK.replace("{{gold}}", "{{golden}}")),
            "question",
            ["line 1", "'golden'", "'gold'"],
        ),
        (lambda path: path.write_text(TASK.replace("test_split: test\n", "")), "task-unloadable", []),
        (
            lambda path: path.write_text(TASK.replace("output_type: multiple_choice", "output_type: any")),
            "task-unloadable",
            ["any"],
        ),
    ],
)
def test_broken_task_files_are_refused(task: Path, change: Any, code: str, data: list[str]) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    change(task)
    with refused(code, *data, field="objective.scores"):
        load_tasks(benchmark(task), WINDOW)


@pytest.mark.parametrize("included", [False, True])
def test_code_of_a_task_file_runs_only_where_it_is_allowed(task: Path, included: bool) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    ran = task.with_name("ran")
    task.with_name("helper.py").write_text(f"open({str(ran)!r}, 'w').close()\ndef docs(rows):\n    return rows\n")
    line = "process_docs: !function helper.docs\n"
    if included:
        task.with_name("common.yaml").write_text(line)
        line = "include: common.yaml\n"
    task.write_text(TASK + line)
    with refused("task-runs-code", "(!function)", "allow_code: true", field="objective.scores"):
        load_tasks(benchmark(task), WINDOW)
    assert not ran.exists()
    load_tasks(benchmark(task, allow_code=True), WINDOW)
    assert ran.exists()


def test_an_include_behind_a_link_is_looked_for_where_lm_eval_looks(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    inner = task.parent / "inner"
    inner.mkdir()
    (inner / "real.yaml").write_text("include: more.yaml\n")
    (inner / "more.yaml").write_text("process_docs: !function helper.docs\n")
    (task.parent / "link.yaml").symlink_to(inner / "real.yaml")
    task.write_text(TASK + "include: link.yaml\n")
    with refused("task-runs-code", field="objective.scores"):
        load_tasks(benchmark(task), WINDOW)


@pytest.mark.parametrize(
    ("line", "code", "data"),
    [
        ("include: [1]\n", "task-file-include", "1"),
        ("include: other.yaml\n", "task-file-unloadable", "other.yaml"),
        ("---\na: 1\n", "task-file-unloadable", ""),
        ("include: task.yaml\n", "task-file-include", "small.yaml"),
        ("extra: {metric: m, hf_evaluate: true}\n", "metric-runs-code", "(hf_evaluate)"),
    ],
)
def test_a_task_file_that_leaves_open_what_it_runs_is_refused(task: Path, line: str, code: str, data: str) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    task.write_text(TASK + line.replace("task.yaml", task.name))
    with refused(code, data, field="objective.scores"):
        load_tasks(benchmark(task), WINDOW)


def test_a_prompt_cannot_reach_out_of_its_sandbox(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    reaching = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    task.write_text(re.sub(r"doc_to_text: .*", f'doc_to_text: "{reaching}"', TASK))
    with refused("question", "__class__", field="objective.scores"):
        load_tasks(benchmark(task), WINDOW)


def test_a_task_that_executes_answers_runs_only_where_it_is_allowed(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    task.write_text(TASK + "unsafe_code: true\n")
    with refused("task-executes-answers", "allow_code: true", field="objective.scores"):
        load_tasks(benchmark(task), WINDOW)
    assert load_tasks(benchmark(task, allow_code=True), WINDOW)


def test_a_task_named_twice_is_refused(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    with refused("task-twice", field="objective.scores"):
        load_tasks(benchmark(task, task), WINDOW)


@pytest.mark.filterwarnings("ignore")
def test_an_unknown_task_name_gets_the_nearest() -> None:
    from objectives.scoring.questions.tasks import load_tasks

    with refused("task-unknown", "'arc_esy'", "'arc_easy'", field="objective.scores"):
        load_tasks(benchmark("arc_esy"), WINDOW)


def test_examples_in_a_prompt_are_the_same_in_every_worker(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    config = TASK.replace("test_split: test", "test_split: test\nfewshot_split: test\nnum_fewshot: 2")
    task.write_text(config)
    found = {load_tasks(benchmark(task), WINDOW)[0].digest for _ in range(4)}
    assert len(found) == 1
    task.write_text(config.replace("num_fewshot: 2", "num_fewshot: 1"))
    assert load_tasks(benchmark(task), WINDOW)[0].digest not in found
