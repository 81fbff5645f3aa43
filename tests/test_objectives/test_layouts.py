"""Benchmarks from files on this machine: shipped layouts, folders of tasks, and what must hold before compute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.scoring.context_window import ContextWindow
from objectives.scoring.questions.error import QuestionError
from objectives.scoring.spec import BenchmarkSpec
from spaces import scan
from tests.support.questions import QUESTIONS, TASK, WINDOW, benchmark
from tests.support.refusals import refused

if TYPE_CHECKING:
    from objectives.base import Prepared
    from objectives.scoring.questions.loaded_task import LoadedTask

pytestmark = pytest.mark.torch

ROWS: dict[str, dict[str, Any]] = {
    "gsm8k": {"question": "Ann has 2 pears and buys 3. How many?", "answer": "2 + 3 = <<2+3=5>>5\n#### 5"},
    "arc_easy": {"query": "Question: What do bees make?", "choices": ["honey", "bread"], "gold": 0},
    "arc_challenge": {"query": "Question: What do bees make?", "choices": ["bread", "honey"], "gold": 1},
    "boolq": {"query": "Passage: Bees make honey.\nQuestion: do bees make honey?", "choices": ["no", "yes"], "gold": 1},
    "aime24": {"problem": "Find 1 + 1.", "solution": "It is 2.", "answer": "002"},
}


def _load(folder: Path, name: str, rows: list[dict[str, Any]], **fields: Any) -> LoadedTask:
    from objectives.scoring.questions.tasks import load_tasks

    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (task,) = load_tasks(benchmark({"task": name, "data": str(folder / "data.jsonl"), **fields}), WINDOW)
    return task


@pytest.mark.parametrize("name", ROWS)
def test_every_layout_is_read(tmp_path: Path, name: str) -> None:
    from objectives.scoring.questions.task_files import LAYOUTS

    assert set(LAYOUTS) == set(ROWS), "a new layout needs an example here"
    task = _load(tmp_path, name, [ROWS[name]])
    (question,) = task.questions
    assert question.instances[0].args[0].endswith("\nAnswer:")
    assert task.name == name
    assert task.version == "1.0"


@pytest.mark.parametrize(
    ("name", "answer", "right"),
    [
        ("gsm8k", "so 2 + 3 = 5\n#### 5", 1),
        ("gsm8k", "so 2 + 3 = 5\n#### 6", 0),
        ("gsm8k", "five", 0),
        ("aime24", "the sum is \\boxed{2}", 1),
        ("aime24", "first 7, then 002", 1),
        ("aime24", "2, or rather 3", 0),
    ],
)
def test_written_answers_are_judged_by_their_number(tmp_path: Path, name: str, answer: str, right: int) -> None:
    from objectives.scoring.figures import accuracy, own_metrics

    task = _load(tmp_path, name, [ROWS[name]])
    task.questions[0].instances[0].resps = [answer]
    assert accuracy(task, list(task.questions), own_metrics(task, list(task.questions))) == [right]


def test_solutions_are_the_reference(tmp_path: Path) -> None:
    gsm8k = _load(tmp_path, "gsm8k", [ROWS["gsm8k"]]).questions[0].references
    assert [instance.args[1] for instance in gsm8k] == [" " + ROWS["gsm8k"]["answer"]]
    aime = _load(tmp_path, "aime24", [ROWS["aime24"]]).questions[0].references
    assert [instance.args[1] for instance in aime] == [" It is 2.\n#### 002"]


def test_a_long_solution_is_asked_for_in_pieces(tmp_path: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    solution = " ".join(f"step{i}" for i in range(50))
    (tmp_path / "data.jsonl").write_text(json.dumps({**ROWS["aime24"], "solution": solution}) + "\n")
    spec = benchmark({"task": "aime24", "data": str(tmp_path / "data.jsonl")})
    short = ContextWindow(20, lambda text: len(text.split()))
    (question,) = load_tasks(spec, short)[0].questions
    pieces = [instance.args[1] for instance in question.references]
    assert "".join(pieces) == f" {solution}\n#### 002"
    assert all(short.count(piece) <= 10 for piece in pieces)
    prompt = question.instances[0].args[0]
    for number, instance in enumerate(question.references):
        assert instance.args[0] == prompt + "".join(pieces[:number])


def test_questions_on_one_passage_of_boolq_share_a_cluster(tmp_path: Path) -> None:
    other = {**ROWS["boolq"], "query": "Passage: Bees make honey.\nQuestion: do bees make bread?", "gold": 0}
    third = {**ROWS["boolq"], "query": "Passage: Ants make hills.\nQuestion: do ants make hills?"}
    task = _load(tmp_path, "boolq", [ROWS["boolq"], other, third])
    assert len({question.cluster for question in task.questions}) == 2


def test_examples_come_from_another_file(tmp_path: Path) -> None:
    example = {"question": "One and one?", "answer": "#### 2"}
    (tmp_path / "more.jsonl").write_text(json.dumps(example) + "\n")
    task = _load(tmp_path, "gsm8k", [ROWS["gsm8k"]], few_shot=1, examples=str(tmp_path / "more.jsonl"))
    assert task.questions[0].instances[0].args[0].startswith("Question: One and one?\nAnswer: #### 2\n\n")


@pytest.mark.parametrize(
    ("fields", "code", "data"),
    [
        ({"task": "gsm8"}, "data-layout-unknown", ["aime24", "'gsm8'", "'gsm8k'"]),
        ({"task": "gsm8k", "few_shot": 2}, "examples-not-given", ["2", "`examples`"]),
        ({"task": "gsm8k", "examples": "no.jsonl"}, "data-missing", ["'no.jsonl'", "'gsm8k'"]),
    ],
)
def test_what_a_layout_cannot_do_is_refused(tmp_path: Path, fields: dict[str, Any], code: str, data: list[str]) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    (tmp_path / "data.jsonl").write_text(json.dumps(ROWS["gsm8k"]) + "\n")
    with refused(code, *data, field="objective.scores"):
        load_tasks(benchmark({"data": str(tmp_path / "data.jsonl"), **fields}), WINDOW)


def test_tasks_and_groups_of_a_folder_find_their_data_beside_them(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    folder = task.parent
    (folder / "pair.yaml").write_text("group: pair\ntask: [small, other]\n")
    (folder / "other.yaml").write_text(TASK.replace("task: small", "task: other"))
    spec = benchmark({"task": "pair", "weight": 3}, include=[str(folder)])
    tasks = load_tasks(spec, WINDOW)
    assert [(found.name, found.weight, len(found.questions)) for found in tasks] == [
        ("small", 1.5, 4),
        ("other", 1.5, 4),
    ]


def test_code_of_a_task_within_a_group_is_refused(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    folder = task.parent
    (folder / "pair.yaml").write_text("group: pair\ntask: [small]\n")
    task.write_text(TASK + "process_docs: !function helper.docs\n")
    with refused("task-runs-code", field="objective.scores"):
        load_tasks(benchmark("pair", include=[str(folder)]), WINDOW)
    (folder / "another.yaml").write_text(TASK.replace("task: small", "task: another"))
    assert load_tasks(benchmark("another", include=[str(folder)]), WINDOW), "code that is not asked for is none"


def test_code_of_a_task_within_a_group_within_a_group_is_refused(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    folder = task.parent
    (folder / "outer.yaml").write_text("group: outer\ntask: [{group: inner, task: [small]}]\n")
    (found,) = load_tasks(benchmark("outer", include=[str(folder)]), WINDOW)
    assert len(found.questions) == 4, "and its data is found beside it"
    task.write_text(TASK + "process_docs: !function helper.docs\n")
    with refused("task-runs-code", field="objective.scores"):
        load_tasks(benchmark("outer", include=[str(folder)]), WINDOW)


def test_code_behind_a_link_is_refused(task: Path, tmp_path: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    folder = tmp_path / "links"
    folder.mkdir()
    task.write_text(TASK + "process_docs: !function helper.docs\n")
    (folder / "small.yaml").symlink_to(task)
    with refused("task-runs-code", field="objective.scores"):
        load_tasks(benchmark("small", include=[str(folder)]), WINDOW)


@pytest.mark.parametrize("metric", ["evil.py", "somebody/metric"])
def test_a_metric_that_is_none_of_lm_evals_is_refused(task: Path, metric: str) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    task.write_text(TASK.replace("metric: acc", f"metric: {metric}"))
    with refused("metric-runs-code", f"({metric})", field="objective.scores"):
        load_tasks(benchmark(task), WINDOW)


def test_groups_that_cannot_be_taken_apart_are_refused(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    loop = task.parent / "loop.yaml"
    loop.write_text("group: loop\ntask: [loop]\n")
    with refused("group-contains-itself", "'loop'", field="objective.scores"):
        load_tasks(benchmark("loop", include=[str(task.parent)]), WINDOW)
    with refused("task-file-is-group", str(loop), "`include`", field="objective.scores"):
        load_tasks(benchmark(loop), WINDOW)


@pytest.mark.parametrize("line", ["fewshot_split: test\nnum_fewshot: 2\n", "num_fewshot: 1\n"])
def test_examples_that_would_show_held_out_answers_are_refused(task: Path, line: str) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    task.write_text(TASK + line)
    with refused("examples-from-questions", "4", field="objective.scores"):
        load_tasks(benchmark(task, holdout=0.5), WINDOW)
    assert load_tasks(benchmark(task), WINDOW), "where none are held out, none are shown"


@pytest.mark.parametrize("gold", [-1, 4])
def test_right_answers_that_are_no_choice_are_refused(task: Path, gold: int) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    rows = [*QUESTIONS, {**QUESTIONS[0], "gold": gold}]
    (task.parent / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(QuestionError) as caught:
        load_tasks(benchmark(task), WINDOW)
    assert (caught.value.file, caught.value.line) == (task.parent / "questions.jsonl", 5)
    assert (caught.value.part, caught.value.count) == ("answer", 1)


def test_a_question_that_stands_twice_is_one_whatever_else_its_data_says(task: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    rows = [{**question, "id": number} for number, question in enumerate(QUESTIONS * 2)]
    (task.parent / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (found,) = load_tasks(benchmark(task), WINDOW)
    assert len(found.questions) == 8
    assert len({question.cluster for question in found.questions}) == 4


@pytest.mark.parametrize("name", ["max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"])
def test_an_answer_is_as_long_as_the_task_says_under_any_name(name: str) -> None:
    from objectives.scoring.questions.loaded_task import limit_answer

    options: dict[str, Any] = {"until": ["."], name: 3}
    limit_answer(options, 128)
    assert options == {"until": ["."], "max_gen_toks": 3}
    long: dict[str, Any] = {name: 5000}
    limit_answer(long, 128)
    assert long == {"max_gen_toks": 128}


def test_too_small_a_half_for_an_interval_is_refused(tmp_path: Path) -> None:
    rows = [ROWS["arc_easy"], {**ROWS["arc_easy"], "query": "Question: What do ants make?"}]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with refused("passages-too-few", "1", field="objective.scores"):
        _prepared(tmp_path, {"task": "arc_easy", "data": str(tmp_path / "data.jsonl")}, holdout=0.5)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    from objectives.scoring.questions.tasks import load_tasks

    with refused("task-folder-missing", str(tmp_path / "no"), "include", field="objective.scores"):
        load_tasks(benchmark("small", include=[str(tmp_path / "no")]), WINDOW)


def _prepared(folder: Path, task: dict[str, Any], holdout: float = 0) -> Prepared:
    import objectives
    from objectives.spec import FinetuneSpec

    library = folder / "texts"
    library.mkdir()
    for name in ("one", "two"):
        (library / f"{name}.txt").write_text("".join(f"the ant of {name} met {i} bees.\n" for i in range(40)))
    scores = [{"kind": "benchmark", "tasks": [task], "holdout": holdout}]
    spec = FinetuneSpec.model_validate({"tokens": 200, "sequence_length": 16, "batch_size": 2, "scores": scores})
    return objectives.prepare(spec, scan(library), folder / "cache")


def test_questions_that_the_base_cannot_see_whole_are_counted(tmp_path: Path) -> None:
    rows = [ROWS["arc_easy"], {**ROWS["arc_easy"], "query": "Question: " + "what do bees make " * 100}]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    notes = _prepared(tmp_path, {"task": "arc_easy", "data": str(tmp_path / "data.jsonl")}).notes
    assert any(all(word in note for word in ("1 of 2", "'arc_easy'", "256")) for note in notes)


def test_a_text_that_holds_a_question_is_told_before_any_trial(tmp_path: Path) -> None:
    row = {**ROWS["arc_easy"], "query": "the ant of one met 7 bees."}
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n")
    prepared = _prepared(tmp_path, {"task": "arc_easy", "data": str(tmp_path / "data.jsonl")})
    assert prepared.found == {"one": 1}
    assert any(note.startswith("one ") for note in prepared.notes)


def test_an_answer_that_the_base_cannot_see_whole_is_refused(tmp_path: Path) -> None:
    row = {**ROWS["arc_easy"], "choices": ["honey", "bread " * 300]}
    (tmp_path / "data.jsonl").write_text(json.dumps(row) + "\n")
    with refused("answer-too-long", "'arc_easy'", "256", field="objective.scores"):
        _prepared(tmp_path, {"task": "arc_easy", "data": str(tmp_path / "data.jsonl")})


def test_answers_are_cut_to_what_the_base_can_write(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps(ROWS["aime24"]) + "\n")
    notes = _prepared(tmp_path, {"task": "aime24", "data": str(tmp_path / "data.jsonl")}).notes
    assert any(all(word in note for word in ("'aime24'", "234", "1,024")) for note in notes), "a prompt takes 22 of 256"


def test_a_name_stands_for_a_task(tmp_path: Path) -> None:
    spec = BenchmarkSpec.model_validate({"kind": "benchmark", "tasks": ["boolq", {"task": "arc_easy", "weight": 2}]})
    assert [(task.task, task.weight, task.data) for task in spec.tasks] == [("boolq", 1, None), ("arc_easy", 2, None)]
