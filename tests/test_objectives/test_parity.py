"""Per-question results against lm-eval's own evaluation with its own model, for every kind of task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from objectives.questions import QuestionSubset
from objectives.scoring.spec import BenchmarkSpec
from spaces import Corpus
from tests.support.questions import QUESTIONS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.bases.encoding import TextEncoding

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

_COMMON: dict[str, Any] = {"dataset_path": "json", "test_split": "test", "doc_to_text": "{{q}}"}
_TASKS: dict[str, dict[str, Any]] = {
    "choices": {
        "output_type": "multiple_choice",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{gold}}",
        "metric_list": [{"metric": name} for name in ("acc", "acc_norm", "acc_bytes")],
    },
    "examples": {
        "output_type": "multiple_choice",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{gold}}",
        "fewshot_split": "train",
        "num_fewshot": 2,
        "metric_list": [{"metric": "acc"}],
    },
    "likely": {
        "output_type": "loglikelihood",
        "doc_to_target": " {{choices[gold]}}",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    },
    "text": {
        "output_type": "loglikelihood_rolling",
        "doc_to_text": "",
        "doc_to_target": "{{q}} {{choices | join(' ')}}  \n",
        "metric_list": [{"metric": "bits_per_byte"}, {"metric": "word_perplexity"}],
    },
    "written": {
        "output_type": "generate_until",
        "doc_to_target": "{{choices[gold]}}",
        "generation_kwargs": {"until": ["?", "."], "max_gen_toks": 6, "do_sample": False},
        "filter_list": [
            {"name": "first", "filter": [{"function": "regex", "regex_pattern": "(\\w+)"}, {"function": "take_first"}]},
            {
                "name": "last",
                "filter": [
                    {"function": "regex", "regex_pattern": "(\\w+)", "group_select": -1},
                    {"function": "take_first"},
                ],
            },
        ],
        "metric_list": [{"metric": "exact_match", "ignore_case": True}],
    },
}
_GROUP = {"group": "all_kinds", "task": ["choices", "likely"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Task files of every kind, and a group, with absolute paths so that lm-eval finds the questions, too."""
    made = tmp_path_factory.mktemp("tasks")
    for split, questions in (("test", QUESTIONS), ("train", [{**q, "q": f"{q['q']} "} for q in QUESTIONS])):
        (made / f"{split}.jsonl").write_text("".join(json.dumps(question) + "\n" for question in questions))
    files = {split: str(made / f"{split}.jsonl") for split in ("test", "train")}
    for name, config in _TASKS.items():
        task = {"task": name, **_COMMON, "dataset_kwargs": {"data_files": files}, **config}
        (made / f"{name}.yaml").write_text(json.dumps(task))
    (made / "all_kinds.yaml").write_text(json.dumps(_GROUP))
    return made


@pytest.fixture(scope="module")
def base() -> tuple[PreTrainedModel, TextEncoding]:
    from objectives.worker import open_base

    tiny = open_base("tiny")
    return tiny.model("float32", "cpu"), tiny.encoding()


def _stock(base: tuple[PreTrainedModel, TextEncoding], folder: Path, name: str, **options: Any) -> Any:
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    return simple_evaluate(
        model=HFLM(pretrained=base[0], tokenizer=base[1].tokenizer, batch_size=3),
        tasks=[name],
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        **options,
    )


def _spec(folder: Path, name: str, **fields: Any) -> BenchmarkSpec:
    task = {"task": name, **fields}
    return BenchmarkSpec.model_validate(
        {"kind": "benchmark", "tasks": [task], "include": [str(folder)], "holdout": 0, "batch_size": 3}
    )


def _close(ours: Any, theirs: Any) -> bool:
    return bool(np.allclose(np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float), atol=1e-4))


@pytest.mark.parametrize("name", _TASKS)
def test_every_question_is_answered_as_by_lm_eval(
    base: tuple[PreTrainedModel, TextEncoding], folder: Path, corpus: Corpus, name: str
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer
    from objectives.scoring.figures import own_metrics
    from objectives.scoring.questions.loaded_task import LoadedTask

    stock = _stock(base, folder, name)
    scorer = BenchmarkScorer(_spec(folder, name), corpus, *base)
    score = scorer.score()
    (asked,) = scorer._tasks
    assert isinstance(asked, LoadedTask)
    metrics = own_metrics(asked, list(asked.questions))
    answered = {(sample["filter"], sample["doc_id"]): sample for sample in stock["samples"][name]}
    for number, question in enumerate(asked.questions):
        for filtered in question.instances[0].filtered_resps:
            theirs = answered[filtered, number]
            for instance, request, response in zip(
                question.instances, theirs["arguments"], theirs["resps"], strict=True
            ):
                assert instance.args == tuple(request)
                if asked.kind == "generate_until":
                    assert instance.resps == response
                else:
                    assert _close(instance.resps[0], response[0])
            for metric in theirs["metrics"]:
                mine = metrics[f"{metric},{filtered}"][number]
                pairs = zip(mine, theirs[metric], strict=True) if isinstance(mine, tuple) else [(mine, theirs[metric])]
                assert all(_close(one, other) for one, other in pairs)
    aggregates = {key: value for key, value in stock["results"][name].items() if "," in key and "stderr" not in key}
    for key, value in aggregates.items():
        metric = key.split(",")[0]
        assert asked.task.aggregation()[metric](metrics[key]) == pytest.approx(value, rel=1e-5, abs=1e-4)
        if f"{name}/{key}" in score.arrays and metric.startswith(("acc", "exact")):
            assert np.mean(score.arrays[f"{name}/{key}"]) == pytest.approx(value)


def test_the_accuracy_is_the_tasks_own_metric_under_its_first_filter(
    base: tuple[PreTrainedModel, TextEncoding], folder: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    for name, key in (("choices", "acc,none"), ("likely", "acc,none"), ("written", "exact_match,first")):
        score = BenchmarkScorer(_spec(folder, name), corpus, *base).score()
        stock = _stock(base, folder, name)["results"][name]
        assert score.qualities["accuracy"] == pytest.approx(stock[key])


def test_bits_per_byte_of_whole_texts_are_lm_evals(
    base: tuple[PreTrainedModel, TextEncoding], folder: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    score = BenchmarkScorer(_spec(folder, "text"), corpus, *base).score()
    stock = _stock(base, folder, "text")["results"]["text"]
    assert -score.value == pytest.approx(stock["bits_per_byte,none"], abs=1e-5)


def test_a_group_is_its_tasks_with_equal_weights(
    base: tuple[PreTrainedModel, TextEncoding], folder: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    score = BenchmarkScorer(_spec(folder, "all_kinds"), corpus, *base).score()
    stock = _stock(base, folder, "all_kinds")["results"]
    for task in ("choices", "likely"):
        assert score.qualities[f"accuracy/{task}"] == pytest.approx(stock[task]["acc,none"])
    assert score.qualities["accuracy"] == pytest.approx(
        (stock["choices"]["acc,none"] + stock["likely"]["acc,none"]) / 2
    )


def test_examples_may_be_asked_for(base: tuple[PreTrainedModel, TextEncoding], folder: Path, corpus: Corpus) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    stock = _stock(base, folder, "examples", num_fewshot=1)
    scorer = BenchmarkScorer(_spec(folder, "examples", few_shot=1), corpus, *base)
    prompts = [question.instances[0].args[0] for question in scorer._tasks[0].questions]
    samples = sorted(stock["samples"]["examples"], key=lambda sample: sample["doc_id"])
    assert prompts == [sample["arguments"][0][0] for sample in samples]


def test_a_part_is_asked_as_the_whole(base: tuple[PreTrainedModel, TextEncoding], folder: Path, corpus: Corpus) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    spec = _spec(folder, "choices")
    whole = BenchmarkScorer(spec, corpus, *base).score()
    halves = BenchmarkScorer(spec.model_copy(update={"holdout": 0.5}), corpus, *base)
    parts = [halves.score(QuestionSubset("search")), halves.score(QuestionSubset("holdout"))]
    by_id = dict(zip(whole.asked[0].questions, whole.items, strict=True))
    for part in parts:
        for name, item in zip(part.asked[0].questions, part.items, strict=True):
            assert item == pytest.approx(by_id.pop(name), abs=1e-5)
    assert not by_id
