"""Scores against lm-eval's own evaluation, question by question."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from objectives.questions import QuestionSubset
from objectives.scoring.spec import HeldoutSpec
from spaces import Corpus
from tests.support import local_questions as written
from tests.support.questions import QUESTIONS, TASK, WINDOW, benchmark
from tests.support.refusals import refused

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.bases.encoding import TextEncoding

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def base() -> tuple[PreTrainedModel, TextEncoding]:
    from objectives.worker import open_base

    tiny = open_base("tiny")
    return tiny.model("float32", "cpu"), tiny.encoding()


def test_asking_again_gives_the_same_answers(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    scorer = BenchmarkScorer(benchmark(task), corpus, *base)
    assert scorer.score() == scorer.score()


def test_the_model_is_scored_as_it_is_now(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus
) -> None:
    import torch

    from objectives.scoring.benchmark.scorer import BenchmarkScorer
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
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus, tmp_path: Path
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    (tmp_path / "one.jsonl").write_text(json.dumps(QUESTIONS[0]) + "\n")
    other = tmp_path / "one.yaml"
    other.write_text(TASK.replace("task: small", "task: one").replace("questions.jsonl", "one.jsonl"))
    both = BenchmarkScorer(benchmark(task, other), corpus, *base).score()
    assert len(both.items) == 5
    means = both.qualities["probability/small"], both.qualities["probability/one"]
    assert both.value == pytest.approx(sum(means) / 2)


def test_a_limit_asks_the_first_questions(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    whole = BenchmarkScorer(benchmark(task), corpus, *base).score()
    some = BenchmarkScorer(benchmark(task, limit=2), corpus, *base).score()
    assert some.items == pytest.approx(whole.items[:2], abs=1e-5)


def test_every_figure_is_what_the_log_probabilities_say(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    scorer = BenchmarkScorer(benchmark(task), corpus, *base)
    score = scorer.score()
    for number, (asked, question) in enumerate(zip(scorer._tasks[0].questions, QUESTIONS, strict=True)):
        logs = np.array([instance.resps[0][0] for instance in asked.instances])
        gold, choices = int(str(question["gold"])), list(question["choices"])  # type: ignore[call-overload]
        right = logs[gold]
        expected = {
            "probability": np.exp(right) / np.exp(logs).sum(),
            "log_probability": right,
            "bits_per_byte": right / math.log(2) / len(choices[gold]),
            "margin": right - np.delete(logs, gold).max(),
            "accuracy": float(logs.argmax() == gold),
        }
        for name, value in expected.items():
            assert score.arrays[f"small/{name}"][number] == pytest.approx(value, rel=1e-5), name
    assert score.items == pytest.approx(score.arrays["small/probability"])
    assert score.qualities["bits_per_byte"] > 0
    assert score.qualities["accuracy_stderr"] == pytest.approx(np.std(score.arrays["small/accuracy"], ddof=1) / 2)


@pytest.mark.parametrize("metric", ["probability", "log_probability", "bits_per_byte", "margin", "accuracy"])
def test_the_study_chooses_what_is_maximized(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus, metric: str
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    score = BenchmarkScorer(benchmark(task, metric=metric), corpus, *base).score()
    assert score.items == pytest.approx(score.arrays[f"small/{metric}"], rel=1e-5)
    assert score.value == pytest.approx(np.mean(score.items))


WRITTEN = written.WRITTEN.replace('"{{a}}"', '"{{choices[gold]}}"')


def test_a_task_that_generates_is_measured_by_the_bits_of_its_reference(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    path = task.with_name("written.yaml")
    path.write_text(WRITTEN)
    score = BenchmarkScorer(benchmark(path), corpus, *base).score()
    choices = BenchmarkScorer(benchmark(task), corpus, *base).score()
    assert score.items == pytest.approx(choices.arrays["small/bits_per_byte"], rel=1e-4), "the same answers"
    assert 0 <= score.qualities["accuracy"] <= 1
    assert "accuracy_stderr" in score.qualities
    other = benchmark({"task": str(path), "reference": "{{choices | join(' ')}}"})
    assert BenchmarkScorer(other, corpus, *base).score().value != score.value


def test_answers_that_are_drawn_are_the_same_whenever_they_are_asked_for(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus
) -> None:
    import torch

    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    path = task.with_name("written.yaml")
    path.write_text(WRITTEN.replace("max_gen_toks: 2", "max_gen_toks: 8, do_sample: true, temperature: 2.0"))
    scorer = BenchmarkScorer(benchmark(path), corpus, *base)
    answers = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        scorer.score()
        answers.append([question.instances[0].resps for question in scorer._tasks[0].questions])
        assert torch.equal(torch.get_rng_state(), before), "training draws on as if nothing had been asked"
    assert answers[0] == answers[1]


def test_answers_are_generated_at_the_last_rung_only_where_nobody_needs_them_before(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    path = task.with_name("written.yaml")
    path.write_text(WRITTEN)
    early = QuestionSubset(final=False)
    assert "accuracy" not in BenchmarkScorer(benchmark(path), corpus, *base).score(early).qualities
    assert "accuracy" in BenchmarkScorer(benchmark(path, metric="accuracy"), corpus, *base).score(early).qualities
    assert "accuracy" in BenchmarkScorer(benchmark(task), corpus, *base).score(early).qualities


def test_a_metric_that_a_task_has_not_is_refused_with_those_that_it_has(task: Path) -> None:
    from objectives.scoring.figures import choose_metric
    from objectives.scoring.questions.tasks import load_tasks

    path = task.with_name("written.yaml")
    path.write_text(WRITTEN)
    for metric in ("probability", "margin"):
        spec = benchmark(path, metric=metric)
        with refused("metric-unknown", f"'{metric}'", "bits_per_byte, log_prob", "`auto`", field="objective.scores"):
            choose_metric(spec, load_tasks(spec, WINDOW))
    both = benchmark(path, task)
    assert choose_metric(both, load_tasks(both, WINDOW)) == "bits_per_byte"
    one = benchmark(task)
    assert choose_metric(one, load_tasks(one, WINDOW)) == "probability"


def test_accuracy_is_refused_where_no_metric_says_which_answers_are_right(task: Path) -> None:
    from objectives.scoring.figures import choose_metric
    from objectives.scoring.questions.tasks import load_tasks

    path = task.with_name("written.yaml")
    path.write_text(WRITTEN.replace("{metric: exact_match, aggregation: mean", "{metric: bleu, aggregation: bleu"))
    spec = benchmark(path, metric="accuracy")
    with refused("metric-judges-nothing", "bleu", "exact_match", field="objective.scores"):
        choose_metric(spec, load_tasks(spec, WINDOW))


def test_questions_on_one_passage_are_one_cluster(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    template = "{{'ants' if 'ant' in q else 'others'}}"
    alone = BenchmarkScorer(benchmark(task), corpus, *base).score()
    shared = BenchmarkScorer(benchmark({"task": str(task), "passage": template}), corpus, *base).score()
    assert shared.value == alone.value
    assert len(set(alone.design.clusters)) == 4
    assert len(set(shared.design.clusters)) == 2
    questions = [{**question, "passage": "one"} for question in QUESTIONS[:2]]
    lines = "".join(json.dumps(question) + "\n" for question in [*questions, *QUESTIONS[2:]])
    task.with_name("questions.jsonl").write_text(lines.replace("}", ', "story": null}'))
    by_field = BenchmarkScorer(benchmark(task), corpus, *base).score()
    assert len(set(by_field.design.clusters)) == 3


def test_weights_of_tasks(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus, tmp_path: Path
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    other = tmp_path / "one.yaml"
    (tmp_path / "one.jsonl").write_text(json.dumps(QUESTIONS[0]) + "\n")
    other.write_text(TASK.replace("task: small", "task: one").replace("questions.jsonl", "one.jsonl"))
    score = BenchmarkScorer(benchmark({"task": str(task), "weight": 3}, other), corpus, *base).score()
    means = score.qualities["probability/small"], score.qualities["probability/one"]
    assert score.value == pytest.approx((3 * means[0] + means[1]) / 4)


def test_too_few_questions_for_two_halves_are_refused(
    base: tuple[PreTrainedModel, TextEncoding], task: Path, corpus: Corpus
) -> None:
    from objectives.scoring.benchmark.scorer import BenchmarkScorer

    task.with_name("questions.jsonl").write_text(json.dumps(QUESTIONS[0]) + "\n")
    scorer = BenchmarkScorer(benchmark(task, holdout=0.5), corpus, *base)
    with refused("questions-too-few", "1", "`holdout: 0`", field="objective.scores"):
        scorer.score(QuestionSubset("holdout"))


def test_bits_per_byte_are_the_models_bits_over_the_texts_bytes(
    base: tuple[PreTrainedModel, TextEncoding], corpus: Corpus, tmp_path: Path
) -> None:
    import torch

    from objectives.scoring.heldout.scorer import HeldoutScorer

    content = "the ant went to the river and the bee slept.\n" * 12
    (tmp_path / "out.txt").write_text(content)
    spec = HeldoutSpec(kind="heldout", files=[tmp_path / "out.txt"], passage=10_000)
    model, tokenizer = base[0], base[1].tokenizer
    score = HeldoutScorer(spec, corpus, *base).score()
    tokens = torch.tensor([[tokenizer.eos_token_id, *tokenizer(content)["input_ids"]]])  # by hand, in one window
    assert tokens.shape[1] <= 256
    with torch.no_grad():
        logs = model(input_ids=tokens[:, :-1]).logits.log_softmax(-1)
    bits = -float(logs.gather(-1, tokens[:, 1:, None]).sum()) / math.log(2)
    assert score.qualities["heldout_bits_per_byte"] == pytest.approx(bits / len(content), rel=1e-5)
    assert score.value == pytest.approx(-score.qualities["heldout_bits_per_byte"])


def test_every_passage_is_an_item_and_their_mean_is_the_score(
    base: tuple[PreTrainedModel, TextEncoding], corpus: Corpus, tmp_path: Path
) -> None:
    from objectives.scoring.heldout.scorer import HeldoutScorer

    (tmp_path / "out.txt").write_text("the ant went to the river.\nbread and cheese.\n" * 20)
    spec = HeldoutSpec(kind="heldout", files=[tmp_path / "out.txt"], passage=90)
    score = HeldoutScorer(spec, corpus, *base).score()
    assert len(score.items) == 10
    assert score.value == pytest.approx(np.mean(score.items), rel=1e-6)
    assert 0 <= score.stderr < 0.05


def test_the_end_of_a_text_is_scored_and_not_trained_on(corpus: Corpus, library: Path) -> None:
    from objectives.data.tokens import training_part
    from objectives.scoring.heldout.text import passages
    from spaces import scan

    (library / "alpha.txt").write_text("".join(f"line {i}\n" for i in range(100)))
    texts = scan(library)
    spec = HeldoutSpec(kind="heldout", text="alpha", share=0.25, passage=40)
    kept = "".join(passages(spec, texts))
    assert training_part(texts["alpha"], 0.25) + kept == texts["alpha"].read()
    assert 0.2 < len(kept) / len(texts["alpha"].read()) < 0.3


def test_held_out_text_that_is_not_there_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    from objectives.scoring.heldout.text import passages

    with refused("heldout-missing", "no.txt", field="objective.scores"):
        passages(HeldoutSpec(kind="heldout", files=[tmp_path / "no.txt"]), corpus)
    with refused("text-unknown", "'alpa'", "'alpha'", field="objective.scores"):
        passages(HeldoutSpec(kind="heldout", text="alpa"), corpus)
    (tmp_path / "blank.txt").write_text(" \n")
    with refused("heldout-empty", field="objective.scores"):
        passages(HeldoutSpec(kind="heldout", files=[tmp_path / "blank.txt"]), corpus)


def test_held_out_text_that_is_trained_on_is_refused(corpus: Corpus, library: Path, tmp_path: Path) -> None:
    from objectives.scoring.heldout.text import passages

    copy = tmp_path / "copy.txt"
    copy.write_bytes((library / "beta.txt").read_bytes())
    for path in (library / "beta.txt", copy):
        with refused("heldout-is-text", "'beta'", "`text: beta`", field="objective.scores"):
            passages(HeldoutSpec(kind="heldout", files=[path]), corpus)


def test_the_largest_held_out_share_of_a_text_is_kept_from_training() -> None:
    from objectives.spec import FinetuneSpec
    from objectives.worker import kept_shares

    shares = [{"kind": "heldout", "text": "alpha", "share": share} for share in (0.1, 0.5, 0.2)]
    spec = FinetuneSpec.model_validate({"tokens": 100, "scores": shares})
    assert kept_shares(spec) == {"alpha": 0.5}
