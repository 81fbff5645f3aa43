"""Task files, names and folders: what is found, and what is refused before anything is computed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from spaces import InputError
from tests.support.questions import SIGHT, TASK, benchmark

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), r"there is no task file"),
        (lambda path: path.write_text("dataset_path: json\n"), r"must give its name as `task:`"),
        (lambda path: path.with_name("questions.jsonl").unlink(), r"names the data file 'questions.jsonl'"),
        (
            lambda path: path.write_text(TASK.replace("{{gold}}", "{{golden}}")),
            r"line 1 .*needs the field 'golden'.*did you mean 'gold'",
        ),
        (lambda path: path.write_text(TASK.replace("test_split: test\n", "")), r"cannot be loaded"),
        (lambda path: path.write_text(TASK.replace("output_type: multiple_choice", "output_type: any")), r"cannot be"),
    ],
)
def test_broken_task_files_are_refused(task: Path, change: Any, message: str) -> None:
    from objectives.scoring.tasks import load_tasks

    change(task)
    with pytest.raises(InputError, match=message):
        load_tasks(benchmark(task), SIGHT)


@pytest.mark.parametrize("included", [False, True])
def test_code_of_a_task_file_runs_only_where_it_is_allowed(task: Path, included: bool) -> None:
    from objectives.scoring.tasks import load_tasks

    ran = task.with_name("ran")
    task.with_name("helper.py").write_text(f"open({str(ran)!r}, 'w').close()\ndef docs(rows):\n    return rows\n")
    line = "process_docs: !function helper.docs\n"
    if included:
        task.with_name("common.yaml").write_text(line)
        line = "include: common.yaml\n"
    task.write_text(TASK + line)
    with pytest.raises(InputError, match=r"runs Python code \(!function\)\. If you trust.*allow_code: true"):
        load_tasks(benchmark(task), SIGHT)
    assert not ran.exists()
    load_tasks(benchmark(task, allow_code=True), SIGHT)
    assert ran.exists()


def test_an_include_behind_a_link_is_looked_for_where_lm_eval_looks(task: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    inner = task.parent / "inner"
    inner.mkdir()
    (inner / "real.yaml").write_text("include: more.yaml\n")
    (inner / "more.yaml").write_text("process_docs: !function helper.docs\n")
    (task.parent / "link.yaml").symlink_to(inner / "real.yaml")
    task.write_text(TASK + "include: link.yaml\n")
    with pytest.raises(InputError, match="runs Python code"):
        load_tasks(benchmark(task), SIGHT)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("include: [1]\n", "cannot include 1"),
        ("include: other.yaml\n", "cannot be loaded"),
        ("---\na: 1\n", "cannot be loaded"),
        ("include: task.yaml\n", "cannot include"),
        ("extra: {metric: m, hf_evaluate: true}\n", r"loads a metric's code \(hf_evaluate\)"),
    ],
)
def test_a_task_file_that_leaves_open_what_it_runs_is_refused(task: Path, line: str, message: str) -> None:
    from objectives.scoring.tasks import load_tasks

    task.write_text(TASK + line.replace("task.yaml", task.name))
    with pytest.raises(InputError, match=message):
        load_tasks(benchmark(task), SIGHT)


def test_a_prompt_cannot_reach_out_of_its_sandbox(task: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    reaching = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    task.write_text(re.sub(r"doc_to_text: .*", f'doc_to_text: "{reaching}"', TASK))
    with pytest.raises(InputError, match="unsafe"):
        load_tasks(benchmark(task), SIGHT)


def test_a_task_that_executes_answers_runs_only_where_it_is_allowed(task: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    task.write_text(TASK + "unsafe_code: true\n")
    with pytest.raises(InputError, match=r"executes what the model writes.*allow_code: true"):
        load_tasks(benchmark(task), SIGHT)
    assert load_tasks(benchmark(task, allow_code=True), SIGHT)


def test_a_task_named_twice_is_refused(task: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    with pytest.raises(InputError, match="named twice"):
        load_tasks(benchmark(task, task), SIGHT)


@pytest.mark.filterwarnings("ignore")
def test_an_unknown_task_name_gets_the_nearest() -> None:
    from objectives.scoring.tasks import load_tasks

    with pytest.raises(InputError, match="Did you mean 'arc_easy'"):
        load_tasks(benchmark("arc_esy"), SIGHT)


def test_examples_in_a_prompt_are_the_same_in_every_worker(task: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    config = TASK.replace("test_split: test", "test_split: test\nfewshot_split: test\nnum_fewshot: 2")
    task.write_text(config)
    found = {load_tasks(benchmark(task), SIGHT)[0].digest for _ in range(4)}
    assert len(found) == 1
    task.write_text(config.replace("num_fewshot: 2", "num_fewshot: 1"))
    assert load_tasks(benchmark(task), SIGHT)[0].digest not in found
