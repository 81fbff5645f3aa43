"""Instruction data: through the model's chat template, with the loss on the answers only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from objectives.spec import FinetuneSpec
from spaces import InputError, scan
from spaces.corpus import lines_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.torch

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
FORGETFUL = (
    "{% for m in messages %}{% if loop.last or m.role != 'assistant' %}<{{ m.role }}>{{ m.content }}\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
STRICT = "{{ raise_exception('only two turns') if messages | length > 2 }}" + TEMPLATE

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What do bees make?"},
    {"role": "assistant", "content": "Honey."},
    {"role": "user", "content": "And ants?"},
    {"role": "assistant", "content": "Hills."},
]
PAIR = {"prompt": "What do bees make?", "completion": " Honey."}


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerBase:
    """That of the shipped base, which has no template."""
    from objectives.workbench import open_base

    return open_base("tiny").tokenizer()


def file_of(folder: Path, *records: Any) -> Path:
    path = folder / "chat.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def parts(tokenizer: PreTrainedTokenizerBase, path: Path) -> list[tuple[str, bool]]:
    from objectives.training.chat import parts_of

    return [part for line in lines_of(path) for part in parts_of(line, tokenizer, path)]


def test_answers_alone_are_learnt(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    tokenizer.chat_template = TEMPLATE
    found = parts(tokenizer, file_of(tmp_path, {"messages": TURNS}))
    assert found == [
        ("<system>Be brief.</system>\n<user>What do bees make?</user>\n<assistant>", False),
        ("Honey.</assistant>\n", True),
        ("<user>And ants?</user>\n<assistant>", False),
        ("Hills.</assistant>\n", True),
    ]
    assert parts(tokenizer, file_of(tmp_path, PAIR)) == [
        ("<user>What do bees make?</user>\n<assistant>", False),
        (" Honey.</assistant>\n", True),
    ]


def test_without_a_template_a_prompt_is_followed_by_its_answer(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    end = tokenizer.eos_token or ""
    assert parts(tokenizer, file_of(tmp_path, PAIR)) == [("What do bees make?", False), (f" Honey.{end}", True)]


@pytest.mark.parametrize(
    ("template", "turns", "message"),
    [
        (None, TURNS, r"line 2: the base has no chat template"),
        (FORGETFUL, TURNS, r"line 2: .*earlier turns otherwise than later ones.*give a line for each answer"),
        (STRICT, TURNS, r"line 2: the turns \['system', 'user', .* do not fit the chat template .*only two turns"),
    ],
)
def test_turns_that_do_not_fit_the_template_are_named_with_their_line(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, template: str | None, turns: list[Any], message: str
) -> None:
    tokenizer.chat_template = template
    with pytest.raises(InputError, match=message):
        parts(tokenizer, file_of(tmp_path, PAIR, {"messages": turns}))


def test_tokens_tell_what_is_learnt(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    from objectives.training.tokens import UNLEARNT, TokenStore, split

    tokenizer.chat_template = TEMPLATE
    folder = tmp_path / "texts"
    folder.mkdir()
    file_of(folder, {"messages": TURNS}, {"text": "Bees and ants."})
    (folder / "plain.txt").write_text("Only words.\n")
    corpus = scan(folder)
    store = TokenStore(tokenizer, tmp_path / "cache", {})
    stored = np.asarray(store(corpus["chat"]), dtype=np.int64)
    read, learnt = split(stored)
    text = tokenizer.decode(read)
    assert (
        text.replace(" ", "")
        == "".join(f"<{turn['role']}>{turn['content']}</{turn['role']}>\n" for turn in TURNS).replace(" ", "")
        + "Beesandants.\n\n"
    )
    answers = tokenizer.decode(learnt[learnt != UNLEARNT]).replace(" ", "")
    assert answers == "Honey.</assistant>\nHills.</assistant>\nBeesandants.\n\n"
    assert (np.asarray(store(corpus["plain"])) >= 0).all()
    tokenizer.chat_template = TEMPLATE.replace("<", "[")
    other = TokenStore(tokenizer, tmp_path / "cache", {})
    assert len(other(corpus["chat"])) != 0
    assert not np.array_equal(other(corpus["chat"]), stored), "another template is another array"


def test_a_study_on_instructions_trains_and_a_bad_line_is_refused_before(tmp_path: Path) -> None:
    import objectives
    from spaces import CorpusMix, Stage, TrialConfig, Tuning

    folder = tmp_path / "texts"
    folder.mkdir()
    pairs = [{"prompt": f"the ant met {i} bees, how many?", "completion": f" {i} bees"} for i in range(60)]
    path = file_of(folder, *pairs)
    (folder / "plain.txt").write_text("".join(f"the ant met {i} bees.\n" for i in range(60)))
    heldout = tmp_path / "heldout.txt"
    heldout.write_text("the ant met 3 bees and the bee met 4 ants.\n" * 20)
    fields: dict[str, Any] = {"tokens": 256, "length": 16, "batch": 2}
    spec = FinetuneSpec.model_validate(
        {**fields, "scores": [{"kind": "heldout", "files": [str(heldout)], "holdout": 0}]}
    )
    corpus = scan(folder)
    prepared = objectives.prepare(spec, corpus, tmp_path / "cache")
    tuning = Tuning("lora", 2, 4, 0.0, prepared.layout.presets["attention"])
    stage = Stage("train", CorpusMix.equal(["chat"]), tuning, (), 256, 1e-3)
    rungs = list(
        objectives.build(spec, prepared.corpus, tmp_path / "cache").evaluate(TrialConfig("tiny", 0, (stage,)), tmp_path)
    )
    assert len(rungs) == 3
    assert rungs[-1].qualities["train_loss"] > 0
    own = FinetuneSpec.model_validate({**fields, "scores": [{"kind": "heldout", "text": "chat", "holdout": 0}]})
    with pytest.raises(InputError, match=r"'chat' holds instructions, which have no end to be kept"):
        objectives.prepare(own, corpus, tmp_path / "cache")
    path.write_text(path.read_text() + json.dumps({"messages": TURNS}) + "\n")
    with pytest.raises(InputError, match=r"line 61: the base has no chat template"):
        objectives.prepare(spec, scan(folder), tmp_path / "cache")
