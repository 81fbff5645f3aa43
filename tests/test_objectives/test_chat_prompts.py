"""Questions inside a chat template: as lm-eval asks them, with nothing dropped, and what a study says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.scoring.context_window import ContextWindow
from spaces import Corpus, scan
from tests.support.bases import CHAT, byte_tokenizer, write_base
from tests.support.questions import QUESTIONS, TASK, benchmark
from tests.support.refusals import refused

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.bases.encoding import TextEncoding

pytestmark = pytest.mark.torch

EXAMPLES = """\
description: "Answer with one word.\\n\\n"
num_fewshot: 1
fewshot_split: train
"""
GENERATION = """\
task: written
dataset_path: json
dataset_kwargs: {data_files: {test: questions.jsonl, train: examples.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{q}}"
doc_to_target: "{{choices[gold]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 4, do_sample: false}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
"""
NO_SYSTEM = "{{ raise_exception('no system turn') if messages[0]['role'] == 'system' }}" + CHAT
THINKING = CHAT.replace("<|assistant|>\n{% endif %}", "<|assistant|>\n<think>\n{% endif %}")


def base_of(folder: Path, chat_template: str | None = CHAT) -> tuple[PreTrainedModel, TextEncoding]:
    from objectives.worker import open_base

    tokenizer = byte_tokenizer(chat_template=chat_template)
    base = open_base(str(write_base(folder, tokenizer=tokenizer, intermediate_size=48)))
    return base.model("float32", "cpu"), base.encoding()


def tasks_in(folder: Path) -> dict[str, Path]:
    """A task with choices and a written one, both with an example of their own."""
    lines = [json.dumps(question) + "\n" for question in QUESTIONS]
    (folder / "questions.jsonl").write_text("".join(lines[:3]))
    (folder / "examples.jsonl").write_text(lines[3])
    data = "{test: questions.jsonl, train: examples.jsonl}"
    (folder / "small.yaml").write_text(TASK.replace("{test: questions.jsonl}", data) + EXAMPLES)
    (folder / "written.yaml").write_text(GENERATION + EXAMPLES)
    return {"choices": folder / "small.yaml", "written": folder / "written.yaml"}


def prompts(folder: Path, template: str | None, kind: str = "choices", **fields: Any) -> list[tuple[Any, ...]]:
    from objectives.bases.encoding import TextEncoding
    from objectives.scoring.questions.tasks import load_tasks

    window = ContextWindow.of(TextEncoding.of(byte_tokenizer(chat_template=template)), 512)
    (task,) = load_tasks(benchmark(tasks_in(folder)[kind], **fields), window)
    return [instance.args for question in task.questions for instance in (*question.instances, *question.references)]


@pytest.mark.parametrize("turns", [True, False])
@pytest.mark.parametrize("kind", ["choices", "written"])
def test_scores_are_those_of_lm_eval_inside_the_template(tmp_path: Path, kind: str, turns: bool) -> None:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    model, encoding = base_of(tmp_path / "base")
    task = tasks_in(tmp_path)[kind]
    scorer = BenchmarkScorer(benchmark(task, fewshot_as_multiturn=turns), Corpus(tmp_path, ()), model, encoding)
    ours = scorer.score()
    config = {**_yaml(task), "dataset_kwargs": {"data_files": _data(tmp_path)}}
    stock = simple_evaluate(
        model=HFLM(pretrained=model, tokenizer=encoding.tokenizer, batch_size=2),
        tasks=[config],
        task_manager=TaskManager(include_defaults=False),
        apply_chat_template=True,
        fewshot_as_multiturn=turns,
        bootstrap_iters=0,
        log_samples=True,
    )
    samples = next(iter(stock["samples"].values()))
    asked = [(tuple(pair[:1]) if kind == "written" else tuple(pair)) for s in samples for pair in _arguments(s)]
    own = [instance.args for question in scorer._tasks[0].questions for instance in question.instances]
    assert [pair[:1] if kind == "written" else pair for pair in own] == asked
    if kind == "choices":
        logs = [float(answer[0][0]) for sample in samples for answer in sample["resps"]]
        answered = [x for question in scorer._tasks[0].questions for x in question.choice_logs]
        assert answered == pytest.approx(logs, abs=1e-3)
    metric = "acc,none" if kind == "choices" else "exact_match,none"
    assert ours.qualities["accuracy"] == pytest.approx(next(iter(stock["results"].values()))[metric])


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def _data(folder: Path) -> dict[str, str]:
    return {"test": str(folder / "questions.jsonl"), "train": str(folder / "examples.jsonl")}


def _arguments(sample: dict[str, Any]) -> list[list[str]]:
    return (
        [[pair["arg_0"], pair["arg_1"]] for pair in sample["arguments"].values()]
        if isinstance(sample["arguments"], dict)
        else [list(pair) for pair in sample["arguments"]]
    )


def test_examples_are_turns_of_their_own(tmp_path: Path) -> None:
    (prompt, answer), *_ = prompts(tmp_path, CHAT)
    assert prompt.count("<|assistant|>") == 2
    assert prompt.endswith("<|end|>\n<|assistant|>\n")
    assert answer == "ant", "no space between the template's prompt and the answer"
    (prompt, _), *_ = prompts(tmp_path, CHAT, fewshot_as_multiturn=False)
    assert prompt.count("<|assistant|>") == 1


def test_a_system_turn_that_the_template_does_not_know_is_not_dropped(tmp_path: Path) -> None:
    (prompt, _), *_ = prompts(tmp_path, NO_SYSTEM)
    assert prompt.startswith("<|user|>\nAnswer with one word.\n\nthe ant and the bee")


@pytest.mark.parametrize("kind", ["choices", "written"])
def test_a_thinking_block_that_the_template_opens_is_closed(tmp_path: Path, kind: str) -> None:
    found = prompts(tmp_path, THINKING, kind)
    assert all(prompt.endswith("<|assistant|>\n<think>\n\n</think>\n\n") for prompt, *_ in found)


def test_solutions_are_asked_for_where_an_answer_begins(tmp_path: Path) -> None:
    (prompt, _), (again, solution), *_ = prompts(tmp_path, CHAT, "written")
    assert prompt == again
    assert solution == "bread"


@pytest.mark.parametrize(
    ("template", "choice", "inside"),
    [(CHAT, "auto", True), (CHAT, "on", True), (CHAT, "off", False), (None, "auto", False), (None, "off", False)],
)
def test_the_template_is_used_where_there_is_one(
    tmp_path: Path, template: str | None, choice: str, inside: bool
) -> None:
    (prompt, answer), *_ = prompts(tmp_path, template, chat_template=choice)
    assert ("<|assistant|>" in prompt) == inside
    assert answer == ("ant" if inside else " ant")


def test_a_template_that_is_not_there_cannot_be_asked_for(tmp_path: Path) -> None:
    with refused("no-chat-template", field="objective.scores"):
        prompts(tmp_path, None, chat_template="on")


@pytest.mark.parametrize(("written", "read"), [("on", "on"), ("off", "off"), ("auto", "auto"), ("true", "on")])
def test_yaml_words_for_the_choice(written: str, read: str) -> None:
    import yaml

    data = yaml.safe_load(f"chat_template: {written}")
    assert benchmark("arc_easy", **data).chat_template == read


@pytest.mark.parametrize(("template", "chosen"), [(CHAT, "on"), (None, "off")])
def test_a_study_says_how_its_base_reads(tmp_path: Path, template: str | None, chosen: str) -> None:
    from objectives.preflight import prepare
    from objectives.spec import FinetuneSpec

    base_of(tmp_path / "base", template)
    texts = tmp_path / "texts"
    texts.mkdir()
    for name in ("one", "two"):
        (texts / f"{name}.txt").write_text(f"The {name} book speaks of ants and bees. " * 30)
    spec = FinetuneSpec(
        base=str(tmp_path / "base"),
        tokens=256,
        sequence_length=32,
        batch_size=2,
        scores=[benchmark(tasks_in(tmp_path)["choices"])],
    )
    prepared = prepare(spec, scan(texts), tmp_path / "cache")
    assert prepared.reading["special tokens before every text"].startswith("<s> (")
    (row,) = [name for name in prepared.reading if "small.yaml" in name]
    assert prepared.reading[row].startswith(f"{chosen} (")
    assert prepared.inputs[row] == chosen


def test_training_and_asking_put_a_system_text_at_the_same_place(tmp_path: Path) -> None:
    """Before the question, where the template refuses a system turn, as Gemma's does."""
    from objectives.data.chat import examples_of
    from objectives.scoring.questions.chat_prompts import ChatPrompts
    from spaces.corpus import lines_of

    tokenizer = byte_tokenizer(chat_template=NO_SYSTEM)
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What do bees make?"}]
    record = {"messages": [*turns, {"role": "assistant", "content": "Honey."}]}
    (tmp_path / "chat.jsonl").write_text(json.dumps(record))
    (line,) = lines_of(tmp_path / "chat.jsonl")
    (((asked, learned), (answer, _)),) = examples_of(line, tokenizer, tmp_path / "chat.jsonl")
    assert asked == ChatPrompts(tokenizer)(turns)
    assert "Be brief.\n\nWhat do bees make?" in asked
    assert not learned
    assert answer == "Honey.<|end|>\n"
