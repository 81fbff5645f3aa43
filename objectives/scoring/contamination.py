"""Find benchmark questions and held-out text in the training texts, where they could be memorized."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from objectives.data.spans import Hashes, rolling, word_hashes, words_of
from objectives.data.tokens import training_part
from objectives.scoring.questions.loaded_task import LoadedTask
from spaces import Corpus

SPAN = 13
"""Number of consecutive words that two texts share only by copying (Brown et al., 2020, arXiv 2005.14165, app. C)."""
FEWEST = 4
"""Number of words below which a question is too short to be recognized."""
_DIFFERENT = 3
"""Number of words of a span that must be distinct and not numbers."""
_COMMON = 0.2
"""A span in more than this share of a task's questions is their wording, not their content."""
_Spans = dict[int, dict[int, set[int]]]
"""Numbers of the questions that contain a span, by the span's length and hash."""


@dataclass(frozen=True, slots=True)
class SharedPassages:
    """Held-out passages that texts of the corpus contain too."""

    counts: Mapping[str, int]
    """Number of passages that each text contains; texts without any are left out."""
    share: float
    """Share of the held-out words, in [0, 1], that any of the texts contain."""


def heldout_in(corpus: Corpus, passages: Sequence[str], kept: Mapping[str, float] | None = None) -> SharedPassages:
    """Find held-out passages in the training texts.

    A text contains words if it contains a span of 13 consecutive ones, as for `questions_in`; it contains a passage if
    it contains 13 of the passage's words, or half of a shorter one. A span may cross into the next passage, so that
    short passages are detected too.

    Args:
        corpus: the texts.
        passages: the held-out text, in its original order.
        kept: share of each text's end, in [0, 1], that no trial trains on and that is not searched, by text name.
    """
    words = [words_of(passage) for passage in passages]
    flat = [word for passage_words in words for word in passage_words]
    owners = np.repeat(np.arange(len(words)), list(map(len, words)))
    spans = rolling(word_hashes(flat), SPAN)
    content = _content_spans(spans, owners[: len(spans)], len(words))
    enough = np.minimum(SPAN, np.ceil(np.array([max(1, len(passage_words)) for passage_words in words]) / 2))
    shared = np.zeros(len(flat), bool)
    counts: dict[str, int] = {}
    for text in corpus.texts if flat else ():
        text_words = word_hashes(words_of(training_part(text, (kept or {}).get(text.name, 0.0))))
        own = rolling(text_words, SPAN)
        places = map(int, np.flatnonzero(content & np.isin(spans, own)))
        starts = [start for start in places if _is_distinctive(flat[start : start + SPAN])]
        covered = _covered(starts, len(flat))
        for number in _whole(words, text_words):
            covered[owners == number] = True
        count = int(np.sum(np.bincount(owners[covered], minlength=len(words)) >= enough))
        if count:
            counts[text.name] = count
            shared |= covered
    return SharedPassages(counts, float(shared.mean()) if flat else 0.0)


def _whole(passages: Sequence[Sequence[str]], text: Hashes) -> list[int]:
    """Numbers of the short passages that a text contains as a whole, such as a dialogue of two short turns."""
    short = [number for number, words in enumerate(passages) if FEWEST <= len(words) < SPAN and _is_distinctive(words)]
    by_length: dict[int, list[int]] = {}
    for number in short:
        by_length.setdefault(len(passages[number]), []).append(number)
    contained = []
    for length, numbers in by_length.items():
        spans = set(rolling(text, length).tolist())
        contained += [number for number in numbers if int(rolling(word_hashes(passages[number]), length)[0]) in spans]
    return contained


def _content_spans(spans: Hashes, owners: NDArray[np.int64], passages: int) -> NDArray[np.bool_]:
    """Mask of the spans that are content, shape (spans,); spans that begin in many passages are wording."""
    first = np.unique(np.stack([spans, owners.astype(np.uint64)]), axis=1)[0] if len(spans) else spans
    values, inside = np.unique(first, return_counts=True)
    return np.isin(spans, values[inside <= max(2.0, _COMMON * passages)])


def _covered(starts: Iterable[int], words: int) -> NDArray[np.bool_]:
    """Mask of the words within spans that begin at the given positions, shape (words,)."""
    mask = np.zeros(words, bool)
    places = np.fromiter(starts, np.int64)
    for offset in range(SPAN):
        mask[places + offset] = True
    return mask


def questions_in(corpus: Corpus, tasks: Iterable[LoadedTask]) -> dict[str, int]:
    """Count the benchmark questions that each text contains; texts without any are left out.

    A question counts if the text contains 13 consecutive words of one of its fields, or the whole of a field of its
    prompt that has 4 to 12 words. Words are compared in lower case without punctuation; spans of numbers, and wording
    that many questions share, do not count.
    """
    spans: _Spans = {}
    first = 0
    for task in tasks:
        _add_spans(spans, task, first)
        first += len(task.questions)
    counts: dict[str, int] = {}
    for text in corpus.texts if spans else ():
        words = word_hashes(words_of(text.read()))
        questions: set[int] = set()
        for length, by_hash in spans.items():
            hashes = np.fromiter(by_hash, np.uint64, len(by_hash))
            for value in np.intersect1d(rolling(words, length), hashes):
                questions |= by_hash[int(value)]
        if questions:
            counts[text.name] = len(questions)
    return counts


def _add_spans(spans: _Spans, task: LoadedTask, first: int) -> None:
    """Add the spans of a task's questions, which are numbered from `first`."""
    own: _Spans = {}
    for number, question in enumerate(task.questions, first):
        prompt = str(task.task.doc_to_text(question.doc))
        for text in _strings(question.doc):
            words = words_of(text)
            length = min(SPAN, len(words))
            if length == SPAN or (length >= FEWEST and text in prompt):  # a short answer is not a question
                for start, value in enumerate(rolling(word_hashes(words), length)):
                    if _is_distinctive(words[start : start + length]):
                        own.setdefault(length, {}).setdefault(int(value), set()).add(number)
    most = max(2.0, _COMMON * len(task.questions))
    for length, by_hash in own.items():
        content = {value: numbers for value, numbers in by_hash.items() if len(numbers) <= most}
        for value, numbers in content.items():
            spans.setdefault(length, {}).setdefault(value, set()).update(numbers)


def _is_distinctive(words: Sequence[str]) -> bool:
    """Whether a span is more than numbers and repetition; counting to thirteen is not copying."""
    return len({word for word in words if not word.isdigit()}) >= _DIFFERENT


def _strings(value: object) -> list[str]:
    """All strings in a question's data."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [text for item in value for text in _strings(item)] if isinstance(value, list | tuple) else []
