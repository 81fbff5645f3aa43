"""Small bases for tests: tokenizers that begin a text with BOS or without, and random models beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.architectures import random_model

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BOS, EOS = "<s>", "</s>"
VOCABULARY = 300
CHAT = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
"""A template of the common kind, in which every turn stands between its role and an end."""


def byte_tokenizer(
    *, bos: bool = True, special: bool = True, chat_template: str | None = None
) -> PreTrainedTokenizerBase:
    """A tokenizer of single bytes.

    Args:
        bos: whether it puts BOS before a text.
        special: whether it has any special token.
        chat_template: of the model.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*([BOS, EOS] if special else []), *signs]
    backend = Tokenizer(models.BPE(vocab={word: number for number, word in enumerate(words)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    if bos and special:
        backend.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, 0)])
    named: dict[str, Any] = {"bos_token": BOS, "eos_token": EOS} if special else {}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **named)
    tokenizer.chat_template = chat_template
    return tokenizer


def write_base(
    folder: Path, kind: str = "llama", tokenizer: PreTrainedTokenizerBase | None = None, **fields: Any
) -> Path:
    """A small random model with a tokenizer of bytes, as a folder in the Hugging Face layout."""
    random_model(kind, vocab_size=VOCABULARY, max_position_embeddings=256, **fields).save_pretrained(folder)
    (tokenizer or byte_tokenizer()).save_pretrained(folder)
    return folder
