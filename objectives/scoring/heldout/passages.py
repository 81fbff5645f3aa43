"""Held-out text in passages: pieces of plain text, and dialogues whose answers are scored inside the chat template."""

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
    """One item of the score."""

    text: str
    """All that can be read in it."""
    size: int
    """Bytes that are scored: those of the text, or of the answers of a dialogue."""
    answers: tuple[tuple[list[int], list[int]], ...] = ()
    """Tokens before each answer of a dialogue, and those of the answer; empty for plain text."""

    @classmethod
    def plain(cls, text: str) -> Passage:
        """A passage all of which is scored."""
        return cls(text, len(text.encode()))


def heldout_passages(spec: HeldoutSpec, corpus: Corpus, window: ContextWindow) -> list[Passage]:
    """Read an entry's held-out text.

    Dialogues of `.jsonl` files are scored inside the base's chat template, their answers alone, as they are trained
    on; where no template is used they are plain text.

    Raises:
        InputError: a file or text that is not there or empty, or a dialogue that does not fit the template.
    """
    chat = window.template(spec.chat_template)
    if chat is None:
        return [Passage.plain(text) for text in passages(spec, corpus)]
    dialogues = [path for path in spec.files if path.suffix.lower() == JSON_LINES]
    found = [Passage.plain(text) for text in passages(spec, corpus, without=dialogues)]
    return [*found, *(passage for path in dialogues for passage in _in(path, chat, window))]


def design_of(chosen: Sequence[Passage]) -> ItemWeights:
    """Passages weigh by the bytes that are scored."""
    return ItemWeights.of([0] * len(chosen), range(len(chosen)), [passage.size for passage in chosen])


def _in(path: Path, chat: ChatPrompts, window: ContextWindow) -> Iterator[Passage]:
    """The dialogues of a file, and its plain lines."""
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
                    f"an answer is longer than the {window.context} tokens that the base reads.",
                    code="answer-too-long",
                )
        learned = (text for example in examples for text, learn in example if learn)
        yield Passage(line.text, sum(len(text.encode()) for text in learned), tuple(answers))


def _answers(tokens: NDArray[np.int32]) -> Iterator[tuple[list[int], list[int]]]:
    """All that stands before each run of learned tokens, and the run; the others are stored as ~token."""
    read = np.where(tokens < 0, ~tokens, tokens).tolist()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], tokens >= 0, [False]]).astype(int)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield read[:start], read[start:end]
