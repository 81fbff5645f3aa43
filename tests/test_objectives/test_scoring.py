"""Scores against lm-eval's own evaluation, question by question."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from objectives.spec import BenchmarkSpec, HeldoutSpec
from spaces import Corpus, InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

pytestmark = pytest.mark.torch

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


@pytest.fixture(scope="module")
def base() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    from objectives.workbench import open_base

    tiny = open_base("tiny")
    return tiny.model("float32", "cpu"), tiny.tokenizer()


@pytest.fixture
def task(tmp_path: Path) -> Path:
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(question) + "\n" for question in QUESTIONS))
    (tmp_path / "small.yaml").write_text(TASK)
    return tmp_path / "small.yaml"


def benchmark(*tasks: Path | str, **fields: Any) -> BenchmarkSpec:
    return BenchmarkSpec(kind="benchmark", tasks=[str(task) for task in tasks], **fields)


def stock(base: tuple[PreTrainedModel, PreTrainedTokenizerBase], task: Path) -> list[dict[str, Any]]:
    """Per-question results of lm-eval itself."""
    from lm_eval import simple_evaluate

    from objectives.scoring.harness import language_model
    from objectives.scoring.tasks import load_tasks

    results = simple_evaluate(
        model=language_model(*base, 2), tasks=list(load_tasks([str(task)], None).values()), bootstrap_iters=0
    )
    (samples,) = results["samples"].values()
    return sorted(samples, key=lambda sample: sample["doc_id"])


@pytest.mark.filterwarnings("ignore")
def test_every_question_is_scored_as_lm_eval_scores_it(
    base: tuple[PreTrainedModel, PreTrainedTokenizerBase], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark import BenchmarkScorer

    accuracy = BenchmarkScorer(benchmark(task, metric="accuracy"), corpus, *base).score()
    probability = BenchmarkScorer(benchmark(task), corpus, *base).score()
    samples = stock(base, task)
    assert list(accuracy.items) == [sample["acc"] for sample in samples]
    for item, sample, question in zip(probability.items, samples, QUESTIONS, strict=True):
        logs = np.array([response[0][0] for response in sample["resps"]], dtype=float)
        expected = np.exp(logs - logs.max()) / np.exp(logs - logs.max()).sum()
        assert item == pytest.approx(expected[question["gold"]], abs=1e-4)
    assert accuracy.value == pytest.approx(np.mean(accuracy.items))
    assert probability.value == pytest.approx(np.mean(probability.items))
    assert probability.stderr == pytest.approx(np.std(probability.items, ddof=1) / 2)
    assert probability.qualities["accuracy"] == accuracy.value
    assert accuracy.qualities["probability"] == probability.value


def test_asking_again_gives_the_same_answers(
    base: tuple[PreTrainedModel, PreTrainedTokenizerBase], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark import BenchmarkScorer

    scorer = BenchmarkScorer(benchmark(task), corpus, *base)
    assert scorer.score() == scorer.score()


def test_the_model_is_scored_as_it_is_now(
    base: tuple[PreTrainedModel, PreTrainedTokenizerBase], task: Path, corpus: Corpus
) -> None:
    import torch

    from objectives.scoring.benchmark import BenchmarkScorer
    from objectives.training.adapter import adapted
    from spaces import CorpusMix, Stage, Tuning

    scorer = BenchmarkScorer(benchmark(task), corpus, *base)
    before = scorer.score()
    stage = Stage(
        "train", CorpusMix.equal(["a"]), Tuning("lora", 4, 8, 0, ("self_attn.q_proj", "mlp.up_proj")), (), 10, 1e-3
    )
    with adapted(base[0], stage, 0) as model:
        assert scorer.score() == before, "a fresh adapter changes nothing"
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if "lora_B" in name:
                    weight.fill_(0.3)
        assert scorer.score() != before
    assert scorer.score() == before


def test_two_tasks_count_the_same_whatever_their_size(
    base: tuple[PreTrainedModel, PreTrainedTokenizerBase], task: Path, corpus: Corpus, tmp_path: Path
) -> None:
    from objectives.scoring.benchmark import BenchmarkScorer

    (tmp_path / "one.jsonl").write_text(json.dumps(QUESTIONS[0]) + "\n")
    other = tmp_path / "one.yaml"
    other.write_text(TASK.replace("task: small", "task: one").replace("questions.jsonl", "one.jsonl"))
    both = BenchmarkScorer(benchmark(task, other), corpus, *base).score()
    assert len(both.items) == 5
    means = both.qualities["probability/small"], both.qualities["probability/one"]
    assert both.value == pytest.approx(sum(means) / 2)


def test_a_limit_asks_the_first_questions(
    base: tuple[PreTrainedModel, PreTrainedTokenizerBase], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark import BenchmarkScorer

    whole = BenchmarkScorer(benchmark(task), corpus, *base).score()
    some = BenchmarkScorer(benchmark(task, limit=2), corpus, *base).score()
    assert some.items == pytest.approx(whole.items[:2], abs=1e-5)


def test_generated_answers_are_scored_by_the_tasks_own_metric(
    base: tuple[PreTrainedModel, PreTrainedTokenizerBase], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark import BenchmarkScorer

    path = task.with_name("generate.yaml")
    path.write_text(
        "task: generate\ndataset_path: json\ndataset_kwargs: {data_files: {test: questions.jsonl}}\n"
        "test_split: test\noutput_type: generate_until\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{choices[gold]}}'\n"
        "generation_kwargs: {until: ['?'], max_gen_toks: 2}\nmetric_list:\n"
        "  - {metric: exact_match, aggregation: mean, higher_is_better: true}\n"
    )
    with pytest.raises(InputError, match="have no probability"):
        BenchmarkScorer(benchmark(path), corpus, *base)
    score = BenchmarkScorer(benchmark(path, metric="accuracy"), corpus, *base).score()
    assert len(score.items) == 4
    assert set(score.items) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), r"there is no task file"),
        (lambda path: path.write_text("dataset_path: json\n"), r"must give its name as `task:`"),
        (lambda path: path.with_name("questions.jsonl").unlink(), r"names the data file 'questions.jsonl'"),
        (lambda path: path.write_text(TASK.replace("{{gold}}", "{{golden}}")), r"cannot be loaded|has no field"),
        (lambda path: path.write_text(TASK.replace("test_split: test\n", "")), r"cannot be loaded"),
        (lambda path: path.write_text(TASK.replace("output_type: multiple_choice", "output_type: any")), r"cannot be"),
    ],
)
def test_broken_task_files_are_refused(task: Path, change: Any, message: str) -> None:
    from objectives.scoring.tasks import load_tasks

    change(task)
    with pytest.raises(InputError, match=message):
        load_tasks([str(task)], None)


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
        load_tasks([str(task)], None)
    assert not ran.exists()
    load_tasks([str(task)], None, allow_code=True)
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
        load_tasks([str(task)], None)


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
        load_tasks([str(task)], None)


def test_a_prompt_cannot_reach_out_of_its_sandbox(task: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    reaching = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    task.write_text(re.sub(r"doc_to_text: .*", f'doc_to_text: "{reaching}"', TASK))
    with pytest.raises(InputError, match="unsafe"):
        load_tasks([str(task)], None)


def test_a_task_that_executes_answers_runs_only_where_it_is_allowed(task: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    task.write_text(TASK + "unsafe_code: true\n")
    with pytest.raises(InputError, match=r"executes what the model writes.*allow_code: true"):
        load_tasks([str(task)], None)
    assert load_tasks([str(task)], None, allow_code=True)


def test_a_task_named_twice_is_refused(task: Path) -> None:
    from objectives.scoring.tasks import load_tasks

    with pytest.raises(InputError, match="named twice"):
        load_tasks([str(task), str(task)], None)


@pytest.mark.filterwarnings("ignore")
def test_an_unknown_task_name_gets_the_nearest() -> None:
    from objectives.scoring.tasks import load_tasks

    with pytest.raises(InputError, match="Did you mean 'arc_easy'"):
        load_tasks(["arc_esy"], None)


def test_bits_per_byte_are_the_models_bits_over_the_texts_bytes(
    base: tuple[PreTrainedModel, PreTrainedTokenizerBase], corpus: Corpus, tmp_path: Path
) -> None:
    import torch

    from objectives.scoring.heldout import HeldoutScorer

    content = "the ant went to the river and the bee slept.\n" * 12
    (tmp_path / "out.txt").write_text(content)
    spec = HeldoutSpec(kind="heldout", files=[tmp_path / "out.txt"], passage=10_000)
    model, tokenizer = base
    score = HeldoutScorer(spec, corpus, model, tokenizer).score()
    tokens = torch.tensor([[tokenizer.eos_token_id, *tokenizer(content)["input_ids"]]])  # by hand, in one window
    assert tokens.shape[1] <= 256
    with torch.no_grad():
        logs = model(input_ids=tokens[:, :-1]).logits.log_softmax(-1)
    bits = -float(logs.gather(-1, tokens[:, 1:, None]).sum()) / math.log(2)
    assert score.qualities["bits_per_byte"] == pytest.approx(bits / len(content), rel=1e-5)
    assert score.value == -score.qualities["bits_per_byte"]


def test_every_passage_is_an_item_and_their_mean_is_the_score(
    base: tuple[PreTrainedModel, PreTrainedTokenizerBase], corpus: Corpus, tmp_path: Path
) -> None:
    from objectives.scoring.heldout import HeldoutScorer

    (tmp_path / "out.txt").write_text("the ant went to the river.\nbread and cheese.\n" * 20)
    spec = HeldoutSpec(kind="heldout", files=[tmp_path / "out.txt"], passage=90)
    score = HeldoutScorer(spec, corpus, *base).score()
    assert len(score.items) == 10
    assert score.value == pytest.approx(np.mean(score.items), rel=1e-6)
    assert 0 <= score.stderr < 0.05


def test_the_end_of_a_text_is_scored_and_not_trained_on(corpus: Corpus, library: Path) -> None:
    from objectives.scoring.heldout import passages
    from objectives.training.tokens import training_part
    from spaces import scan

    (library / "alpha.txt").write_text("".join(f"line {i}\n" for i in range(100)))
    texts = scan(library)
    spec = HeldoutSpec(kind="heldout", text="alpha", share=0.25, passage=40)
    kept = "".join(passages(spec, texts))
    assert training_part(texts["alpha"], 0.25) + kept == texts["alpha"].read()
    assert 0.2 < len(kept) / len(texts["alpha"].read()) < 0.3


def test_held_out_text_that_is_not_there_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    from objectives.scoring.heldout import passages

    with pytest.raises(InputError, match="is not there"):
        passages(HeldoutSpec(kind="heldout", files=[tmp_path / "no.txt"]), corpus)
    with pytest.raises(InputError, match="Did you mean 'alpha'"):
        passages(HeldoutSpec(kind="heldout", text="alpa"), corpus)
    (tmp_path / "blank.txt").write_text(" \n")
    with pytest.raises(InputError, match="held-out text is empty"):
        passages(HeldoutSpec(kind="heldout", files=[tmp_path / "blank.txt"]), corpus)


def test_held_out_text_that_is_trained_on_is_refused(corpus: Corpus, library: Path, tmp_path: Path) -> None:
    from objectives.scoring.heldout import passages

    copy = tmp_path / "copy.txt"
    copy.write_bytes((library / "beta.txt").read_bytes())
    for path in (library / "beta.txt", copy):
        with pytest.raises(InputError, match=r"is the text 'beta', which trials train on\. Give `text: beta`"):
            passages(HeldoutSpec(kind="heldout", files=[path]), corpus)


def test_the_largest_held_out_share_of_a_text_is_kept_from_training() -> None:
    from objectives.spec import FinetuneSpec
    from objectives.workbench import kept_shares

    shares = [{"kind": "heldout", "text": "alpha", "share": share} for share in (0.1, 0.5, 0.2)]
    spec = FinetuneSpec.model_validate({"tokens": 100, "scores": shares})
    assert kept_shares(spec) == {"alpha": 0.5}


def test_examples_in_a_prompt_are_the_same_in_every_worker(task: Path) -> None:
    from objectives.scoring.tasks import fingerprint_of, load_tasks

    config = TASK.replace("test_split: test", "test_split: test\nfewshot_split: test\nnum_fewshot: 2")
    task.write_text(config)
    found = {fingerprint_of(*load_tasks([str(task)], None).values()) for _ in range(4)}
    assert len(found) == 1
    task.write_text(config.replace("num_fewshot: 2", "num_fewshot: 1"))
    assert fingerprint_of(*load_tasks([str(task)], None).values()) not in found
