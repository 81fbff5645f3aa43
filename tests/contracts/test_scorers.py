"""Every scorer: what it returns, and that it measures the model in its present state."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.base import Scorer
from objectives.scoring.spec import SCORERS, FunctionScoreSpec, HeldoutSpec, ScenesSpec, ScoreSpec
from spaces import Corpus, CorpusMix, Stage, Tuning, scan
from spaces.functions import user_function
from tests.support.questions import benchmark

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

pytestmark = pytest.mark.torch

_TASK: dict[str, Any] = {
    "task": "contract",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "questions.jsonl"}},
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "{{choices}}",
    "doc_to_target": "{{gold}}",
    "metric_list": [{"metric": "acc"}],
}
_QUESTIONS = 6


class _Likely:
    """Log-probability of the first token of some sentences."""

    questions = ("ant and bee", "bee and cat", "cat and fox", "fox and river", "river and soup", "soup and ant")

    def __call__(self, model: Any, tokenizer: Any, questions: list[str]) -> list[float]:
        tokens = [tokenizer(question, return_tensors="pt").input_ids for question in questions]
        return [float(model(each).logits[0, 0].log_softmax(-1)[each[0, 1]]) for each in tokens]


def _spec(kind: str, folder: Path) -> ScoreSpec:
    specs: dict[str, ScoreSpec] = {
        "function": FunctionScoreSpec(kind="function", function=user_function(_Likely()), holdout=0),
        "benchmark": benchmark(folder / "contract.yaml"),
        "heldout": HeldoutSpec(kind="heldout", text="one", share=0.5, passage=60, holdout=0),
        "scenes": ScenesSpec(kind="scenes", limit=2, holdout=0),
    }
    assert set(specs) == set(SCORERS), "a new scorer needs an example here"
    return specs[kind]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scorers")
    (made / "contract.yaml").write_text(json.dumps(_TASK))
    question = {"question": "which of ant bee cat fox is odd?", "choices": ["ant", "bee", "cat", "fox"]}
    asked = ({**question, "gold": i % 4} for i in range(_QUESTIONS))
    (made / "questions.jsonl").write_text("".join(json.dumps(each) + "\n" for each in asked))
    texts = made / "texts"
    texts.mkdir()
    for name in ("one", "two"):
        lines = (f"the ant of {name} met {i} bees at the river.\n" for i in range(30))
        (texts / f"{name}.txt").write_text("".join(lines))
    return made


@pytest.fixture(scope="module")
def base() -> PreTrainedModel:
    from objectives.worker import open_base

    return open_base("tiny").model("float32", "cpu")


@pytest.fixture(params=SCORERS)
def scorer(request: pytest.FixtureRequest, folder: Path, base: PreTrainedModel) -> Scorer:
    from objectives.scoring.scorer import scorer_of
    from objectives.worker import open_base

    corpus: Corpus = scan(folder / "texts")
    spec = _spec(request.param, folder)
    return scorer_of(spec)(spec, corpus, base, open_base("tiny").encoding())


def test_scores_are_finite_with_an_item_for_every_question(scorer: Scorer) -> None:
    score = scorer.score()
    assert math.isfinite(score.value)
    assert score.stderr > 0
    assert len(score.items) >= _QUESTIONS
    assert min(score.items) <= score.value <= max(score.items)
    assert score.qualities
    assert all(math.isfinite(value) for value in score.qualities.values())


def test_the_same_model_scores_the_same(scorer: Scorer) -> None:
    assert scorer.score() == scorer.score()


def test_an_adapter_changes_the_score_and_is_gone_with_it(scorer: Scorer, base: PreTrainedModel) -> None:
    from objectives.training.adapter import adapted

    before = scorer.score()
    tuning = Tuning("lora", 4, 8, 0, ("self_attn.q_proj", "mlp.up_proj"))
    with adapted(base, Stage("train", CorpusMix.equal(["one"]), tuning, (), 100, 1e-3), seed=0) as model:
        assert scorer.score().items == pytest.approx(before.items, abs=1e-5), "a fresh adapter does nothing"
        _disturb(model)
        assert scorer.score().value != pytest.approx(before.value, abs=1e-4)
    assert scorer.score() == before


def _disturb(model: torch.nn.Module) -> None:
    """Give an adapter's second matrices, which begin as zeros, some weight."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.5)
