"""Examples as tokens: pieces join to the tokens of the whole text, whatever the tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from objectives.bases.encoding import TextEncoding
from objectives.data.tokens import TokenStore, split
from spaces import scan
from tests.support import chat_templates as templates

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.torch

SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
EXAMPLE = [("<s>Who flies? [A]", False), ("Bees höney. fly</s>", True), (" Who walks?\n[A]", False), (" Ants", True)]


def metaspace() -> PreTrainedTokenizerBase:
    """A tokenizer as those of Llama 2 and Mistral: blanks are `▁`, and every text begins with one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    made.train_from_iterator(
        ["Who flies? Bees fly. Who walks? Ants walk. [A] höney\n"] * 9,
        trainers.BpeTrainer(vocab_size=90, special_tokens=SPECIAL, show_progress=False),
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def byte_level(trim: bool) -> PreTrainedTokenizerBase:
    """A tokenizer as that of GPT-2, which has tokens for parts of a character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.ByteLevel(trim_offsets=trim)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        ["Who flies? Bees fly."],
        trainers.BpeTrainer(vocab_size=280, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False),
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")


class WithoutOffsets:
    """The same tokenizer, as one written in Python: it does not tell where its tokens stand."""

    is_fast = False

    def __init__(self, inner: PreTrainedTokenizerBase) -> None:
        self._inner = inner

    def __call__(self, text: str, *, add_special_tokens: bool) -> Any:
        return self._inner(text, add_special_tokens=add_special_tokens)


@pytest.mark.parametrize("make", [metaspace, lambda: byte_level(trim=True), lambda: byte_level(trim=False)])
@pytest.mark.parametrize("fast", [True, False])
def test_pieces_join_to_the_tokens_of_the_whole_text(make: Any, fast: bool) -> None:
    from objectives.data.chat import encoded

    tokenizer = make()
    found = encoded(EXAMPLE, tokenizer if fast else WithoutOffsets(tokenizer))
    read, learned = split(found.astype(np.int64))
    whole = "".join(content for content, _ in EXAMPLE)
    assert read.tolist() == tokenizer(whole, add_special_tokens=False)["input_ids"]
    runs = "".join("x" if label >= 0 else " " for label in learned).split()
    assert len(runs) == 2, "each answer is one run of learned tokens"
    answers = tokenizer.decode(learned[learned >= 0])
    assert answers.split() == ["Bees", "höney.", "fly</s>", "Ants"]


def test_a_token_over_the_border_of_an_answer_is_learned() -> None:
    from objectives.data.chat import encoded

    tokenizer = metaspace()
    (word,) = tokenizer("flies?", add_special_tokens=False)["input_ids"]
    for use in (tokenizer, WithoutOffsets(tokenizer)):
        assert encoded([("fl", False), ("ies?", True)], use).tolist() == [word]
        assert encoded([("fli", True), ("es?", False)], use).tolist() == [word]


def test_a_blank_before_an_answer_is_learned_with_it_alone() -> None:
    from objectives.data.chat import encoded

    tokenizer = byte_level(trim=True)
    found = encoded([("Who", False), ("  ", True), ("Q", False)], tokenizer)
    blank = tokenizer("Who  Q", add_special_tokens=False)["input_ids"]
    assert np.where(found < 0, ~found, found).tolist() == blank
    learned = tokenizer.decode(found[found >= 0])
    assert learned == "  "


def test_a_text_of_dialogues_has_no_blank_more_than_its_template_writes(tmp_path: Path) -> None:
    tokenizer = metaspace()
    tokenizer.chat_template = templates.CHATML
    turns = [{"role": "user", "content": "Who flies?"}, {"role": "assistant", "content": "Bees"}]
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "chat.jsonl").write_text(json.dumps({"messages": turns}))
    (folder / "plain.txt").write_text("Ants walk.")
    stored = np.asarray(
        TokenStore(TextEncoding(tokenizer), tmp_path / "cache", {})(scan(folder)["chat"]), dtype=np.int64
    )
    read, learned = split(stored)
    whole = tokenizer.apply_chat_template(turns, tokenize=False)
    assert read.tolist() == tokenizer(whole, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(learned[learned >= 0]).replace(" ", "") == "Bees<|im_end|>\n"
