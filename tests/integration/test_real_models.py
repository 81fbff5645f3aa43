"""Two real models, Gemma 3 270M and Qwen2.5-Coder-0.5B-Instruct, in the folder that MIXTUNE_REAL_MODELS names."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from spaces import CorpusMix, scan

pytestmark = [pytest.mark.torch, pytest.mark.books]

_VARIABLE = "MIXTUNE_REAL_MODELS"
_WINDOWS, _LENGTH = 8, 64


def real_model(name: str) -> str:
    folder = os.environ.get(_VARIABLE)
    if folder is None:
        pytest.skip(f"{_VARIABLE} does not name a folder of real models")
    if not (Path(folder) / name).is_dir():
        pytest.skip(f"there is no {name} in the folder that {_VARIABLE} names")
    return str(Path(folder) / name)


def _loss(model: object, rows: list[list[int]]) -> float:
    """Mean loss of all tokens but the first of each row, nats per token."""
    import torch

    with torch.inference_mode():
        tokens = torch.tensor(rows)
        logits = model(input_ids=tokens).logits[:, :-1].float()  # type: ignore[operator]
    return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()))


def test_gemma_trains_on_text_that_begins_with_its_bos(real_data: Path, tmp_path: Path) -> None:
    """Windows of training cost the loss of the same text read by itself after BOS: 6.6 nats without it, 3.6 with it."""
    from objectives.data.order import MixStream
    from objectives.data.tokens import TokenStore, split
    from objectives.worker import open_base

    base = open_base(real_model("gemma-270m"))
    encoding = base.encoding()
    assert encoding.shown_prefix == "<bos>"
    corpus = scan(real_data / "books")
    text = next(text for text in corpus.texts if "alice" in text.name)
    store = TokenStore(encoding, tmp_path, {})
    stream = MixStream(CorpusMix.equal([text.name]), {text.name: store(text)}, _LENGTH, _WINDOWS, 0, store.prefix)
    windows = split(stream.batch(0, _WINDOWS))[0]
    model = base.model("float32", "cpu")
    trained = _loss(model, windows.tolist())
    alone = [encoding.tokenizer(encoding.tokenizer.decode(row[1:]))["input_ids"][:_LENGTH] for row in windows]
    read = np.mean([_loss(model, [row]) for row in alone])
    assert trained == pytest.approx(read, rel=0.02)
    assert trained < _loss(model, [row[1:] for row in windows.tolist()]) - 1, "BOS is worth more than a nat"


def test_gemma_reads_a_chapter_as_whole_as_its_context_allows(real_data: Path) -> None:
    """Held-out text costs what the model says of it in one pass after BOS, within 2%."""
    from lm_eval.api.instance import Instance

    from objectives.scoring.harness import language_model
    from objectives.worker import open_base

    base = open_base(real_model("gemma-270m"))
    encoding = base.encoding()
    model = base.model("float32", "cpu")
    content = (real_data / "books" / "children_carroll_alice.txt").read_text(encoding="utf-8")[2000:5000]
    (nats,) = language_model(model, encoding, 1).loglikelihood_rolling(
        [Instance("loglikelihood_rolling", {}, (content,), 0)]
    )
    tokens = encoding.encode(content)
    assert -nats / (len(tokens) - 1) == pytest.approx(_loss(model, [tokens]), rel=0.02)


def test_qwen_is_asked_inside_the_template_that_it_is_trained_in(real_data: Path) -> None:
    from objectives.questions import QuestionSubset
    from objectives.scoring.benchmark.scorer import BenchmarkScorer
    from objectives.scoring.spec import BenchmarkSpec
    from objectives.worker import open_base
    from spaces import Corpus

    base = open_base(real_model("qwen-coder-0.5b"))
    encoding = base.encoding()
    assert encoding.prefix == ()
    data = str(real_data / "benchmarks" / "gsm8k_test.jsonl")
    asked = {"kind": "benchmark", "tasks": [{"task": "gsm8k", "data": data}], "limit": 4, "holdout": 0}
    model = base.model("float32", "cpu")
    scores = {}
    for choice in ("auto", "off"):
        spec = BenchmarkSpec.model_validate({**asked, "chat_template": choice})
        scorer = BenchmarkScorer(spec, Corpus(real_data, ()), model, encoding)
        scores[choice] = scorer.score(QuestionSubset(final=False))
        prompt = scorer._tasks[0].questions[0].instances[0].args[0]
        assert prompt.endswith("<|im_start|>assistant\n") == (choice == "auto")
    assert scores["auto"].value != scores["off"].value
