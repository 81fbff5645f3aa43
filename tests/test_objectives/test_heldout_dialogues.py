"""Held-out dialogues: answers are scored inside the chat template, after the prompts that they are trained after."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from objectives.scoring.spec import HeldoutSpec
from spaces import Corpus
from tests.support.bases import CHAT, byte_tokenizer, write_base
from tests.support.refusals import refused

if TYPE_CHECKING:
    from objectives.base import Score

pytestmark = pytest.mark.torch

TURNS = [
    {"role": "user", "content": "What do bees make?"},
    {"role": "assistant", "content": "Honey."},
    {"role": "user", "content": "And ants?"},
    {"role": "assistant", "content": "Hills of sand."},
]
CLOCK = "{{ strftime_now('%d %b %Y') }}" + CHAT


def heldout_file(folder: Path, *records: Any) -> Path:
    path = folder / "dialogues.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def scored(folder: Path, path: Path, template: str | None = CHAT, choice: str = "auto") -> tuple[Score, float]:
    """The score, and minus the bits of the answers' tokens inside the template by hand, over their bytes."""
    import torch

    from objectives.scoring.heldout.scorer import HeldoutScorer
    from objectives.worker import open_base

    base = open_base(str(write_base(folder / "base", tokenizer=byte_tokenizer(chat_template=template))))
    model, encoding = base.model("float32", "cpu"), base.encoding()
    spec = HeldoutSpec.model_validate(
        {"kind": "heldout", "files": [str(path)], "holdout": 0, "passage": 1000, "chat_template": choice}
    )
    score = HeldoutScorer(spec, Corpus(folder, ()), model, encoding).score()
    bits, size = 0.0, 0
    for number in (1, 3):
        before = str(
            byte_tokenizer(chat_template=CHAT).apply_chat_template(
                TURNS[:number], tokenize=False, add_generation_prompt=True
            )
        )
        answer = f"{TURNS[number]['content']}<|end|>\n"
        context, more = encoding.encode(before), encoding.plain(answer)
        tokens = torch.tensor([[*context, *more]])
        logs = model(input_ids=tokens).logits[0, len(context) - 1 : -1].log_softmax(dim=-1)
        bits -= float(logs.gather(-1, torch.tensor(more)[:, None]).sum()) / math.log(2)
        size += len(answer.encode())
    return score, -bits / size


def test_answers_are_scored_after_their_prompts(tmp_path: Path) -> None:
    score, by_hand = scored(tmp_path, heldout_file(tmp_path, {"messages": TURNS}))
    assert score.value == pytest.approx(by_hand, abs=1e-3)
    assert len(score.items) == 1


def test_a_plain_line_beside_dialogues_is_a_passage(tmp_path: Path) -> None:
    score, _ = scored(tmp_path, heldout_file(tmp_path, {"messages": TURNS}, {"text": "Bees and ants."}))
    assert len(score.items) == 2


@pytest.mark.parametrize(("template", "choice"), [(CHAT, "off"), (None, "auto")])
def test_without_a_template_dialogues_are_plain_text(tmp_path: Path, template: str | None, choice: str) -> None:
    score, by_hand = scored(tmp_path, heldout_file(tmp_path, {"messages": TURNS}), template, choice)
    assert abs(score.value - by_hand) > 1e-3
    assert score.asked[0].questions


def test_a_dialogue_that_does_not_fit_is_refused_with_its_line(tmp_path: Path) -> None:
    bad = {"messages": [*TURNS[:1], {"role": "assistant", "content": "x" * 400}]}
    with refused("answer-too-long", line=2, field=""):
        scored(tmp_path, heldout_file(tmp_path, {"messages": TURNS}, bad))


def test_a_template_that_writes_the_date_writes_the_same_one_every_day() -> None:
    from objectives.data.thinking import prompt_of

    assert "2024" in prompt_of(byte_tokenizer(chat_template=CLOCK), TURNS[:1])
