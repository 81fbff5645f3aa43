"""Held-out passages: pieces of plain text, and dialogues whose answers are scored inside the chat template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from objectives.data.chat import encoded, examples_of
from objectives.questions import ItemWeights
from objectives.scoring.heldout.text import cut, passages
from spaces import Corpus
from spaces.corpus import JSON_LINES, lines_of
from spaces.errors import LineError

if TYPE_CHECKING:
    from objectives.scoring.context_window import ContextWindow
    from objectives.scoring.questions.chat_prompts import ChatPrompts
    from objectives.scoring.spec import HeldoutSpec


@dataclass(frozen=True, slots=True)
class Passage:
    """One held-out passage, an item of the score."""

    text: str
    """Full text of the passage."""
    size: int
    """Number of scored bytes: of the text, or of the answers of a dialogue."""
    answers: tuple[tuple[list[int], list[int]], ...] = ()
    """Context and answer, as tokens, for each answer of a dialogue; empty for plain text."""

    @classmethod
    def plain(cls, text: str) -> Passage:
        """Build a passage of plain text, all of which is scored."""
        return cls(text, len(text.encode()))


def heldout_passages(spec: HeldoutSpec, corpus: Corpus, window: ContextWindow) -> list[Passage]:
    """Read the held-out passages of an entry.

    For dialogues of `.jsonl` files, only the answers are scored, inside the base's chat template, as in training;
    without a template, dialogues are plain text.

    Raises:
        InputError: a file or text does not exist or is empty, or a dialogue does not fit the template.
    """
    chat = window.template(spec.chat_template)
    if chat is None:
        return [Passage.plain(text) for text in passages(spec, corpus)]
    dialogues = [path for path in spec.files if path.suffix.lower() == JSON_LINES]
    plain = [Passage.plain(text) for text in passages(spec, corpus, without=dialogues)]
    return [*plain, *(passage for path in dialogues for passage in _passages_in(path, chat, window))]


def design_of(chosen: Sequence[Passage]) -> ItemWeights:
    """Weight passages by their scored bytes."""
    return ItemWeights.of([0] * len(chosen), range(len(chosen)), [passage.size for passage in chosen])


def _passages_in(path: Path, chat: ChatPrompts, window: ContextWindow) -> Iterator[Passage]:
    """Yield the dialogues of a file, and passages of its plain lines."""
    for line in lines_of(path):
        if not line.messages:
            yield from map(Passage.plain, cut(line.text))
            continue
        examples = examples_of(line, chat.tokenizer, path)
        answers = [pair for example in examples for pair in _answers(encoded(example, chat.tokenizer))]
        for _, answer in answers:
            if len(answer) > window.context:
                raise LineError(
                    path,
                    line.number,
                    "",
                    f"an answer has {len(answer)} tokens and must not exceed the base's context of {window.context}. "
                    "Shorten it or remove the line.",
                    code="answer-too-long",
                )
        learned = (text for example in examples for text, learn in example if learn)
        yield Passage(line.text, sum(len(text.encode()) for text in learned), tuple(answers))


def _answers(tokens: NDArray[np.int32]) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the context of each run of learned tokens, and the run; other tokens are stored as ~token."""
    read = np.where(tokens < 0, ~tokens, tokens).tolist()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], tokens >= 0, [False]]).astype(int)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield read[:start], read[start:end]
