"""Benchmark questions and held-out text that stand in the texts: what is learned by heart is no reasoning."""

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
"""Words in a row that two texts share by copying only (Brown et al., 2020, arXiv 2005.14165, appendix C)."""
FEWEST = 4
"""Words below which a question says too little to be recognized."""
_DIFFERENT = 3
"""Words of a span that must differ and be no numbers."""
_COMMON = 0.2
"""A span that stands in more than this share of a task's questions is their wording, not their content."""
_Spans = dict[int, dict[int, set[int]]]
"""Length of a span to its hashes to the numbers of the questions that hold it."""


@dataclass(frozen=True, slots=True)
class SharedPassages:
    """Held-out passages that stand in texts of the corpus too."""

    counts: Mapping[str, int]
    """Text to the number of passages that stand in it; texts with none are left out."""
    share: float
    """Share of the held-out words, in [0, 1], that stand in any of the texts."""


def heldout_in(corpus: Corpus, passages: Sequence[str], kept: Mapping[str, float] | None = None) -> SharedPassages:
    """Find held-out passages in what trials train on.

    Words stand in a text where 13 in a row do, as for `questions_in`; a passage where 13 of its words do, or half of a
    shorter one. Runs of words may reach from one passage into the next, so that short passages are found as well.

    Args:
        corpus: the texts.
        passages: the held-out text, in its order.
        kept: text to the share of its end, in [0, 1], that no trial trains on, and which is therefore not searched.
    """
    words = [words_of(passage) for passage in passages]
    flat = [word for each in words for word in each]
    owners = np.repeat(np.arange(len(words)), [len(each) for each in words])
    spans = rolling(word_hashes(flat), SPAN)
    content = _content_spans(spans, owners[: len(spans)], len(words))
    enough = np.minimum(SPAN, np.ceil(np.array([max(1, len(each)) for each in words]) / 2))
    shared = np.zeros(len(flat), bool)
    counts: dict[str, int] = {}
    for text in corpus.texts if flat else ():
        text_words = word_hashes(words_of(training_part(text, (kept or {}).get(text.name, 0.0))))
        own = rolling(text_words, SPAN)
        places = map(int, np.flatnonzero(content & np.isin(spans, own)))
        starts = [start for start in places if _says_something(flat[start : start + SPAN])]
        covered = _covered(starts, len(flat))
        for place in _whole(words, text_words):
            covered[owners == place] = True
        count = int(np.sum(np.bincount(owners[covered], minlength=len(words)) >= enough))
        if count:
            counts[text.name] = count
            shared |= covered
    return SharedPassages(counts, float(shared.mean()) if flat else 0.0)


def _whole(passages: Sequence[Sequence[str]], text: Hashes) -> list[int]:
    """Numbers of short passages that stand in a text whole, such as a dialogue of two short turns."""
    short = [place for place, words in enumerate(passages) if FEWEST <= len(words) < SPAN and _says_something(words)]
    by_length: dict[int, list[int]] = {}
    for place in short:
        by_length.setdefault(len(passages[place]), []).append(place)
    found = []
    for length, places in by_length.items():
        known = set(rolling(text, length).tolist())
        found += [place for place in places if int(rolling(word_hashes(passages[place]), length)[0]) in known]
    return found


def _content_spans(spans: Hashes, owners: NDArray[np.int64], passages: int) -> NDArray[np.bool_]:
    """Tell which spans are content: those that begin in many passages are wording, shape (spans,)."""
    first = np.unique(np.stack([spans, owners.astype(np.uint64)]), axis=1)[0] if len(spans) else spans
    values, inside = np.unique(first, return_counts=True)
    return np.isin(spans, values[inside <= max(2.0, _COMMON * passages)])


def _covered(starts: Iterable[int], words: int) -> NDArray[np.bool_]:
    """Tell which words lie within a span that begins at one of these, shape (words,)."""
    found = np.zeros(words, bool)
    places = np.fromiter(starts, np.int64)
    for offset in range(SPAN):
        found[places + offset] = True
    return found


def questions_in(corpus: Corpus, tasks: Iterable[LoadedTask]) -> dict[str, int]:
    """Texts to the number of benchmark questions that stand in them; texts with none are left out.

    A question counts where 13 words in a row of one of its fields stand in the text, or the whole of a field of its
    prompt that has 4 to 12 words. Words are compared in lower case without punctuation; spans of numbers, and wording
    that many questions share, do not count.
    """
    spans: _Spans = {}
    first = 0
    for task in tasks:
        _add_spans(spans, task, first)
        first += len(task.questions)
    found: dict[str, int] = {}
    for text in corpus.texts if spans else ():
        words = word_hashes(words_of(text.read()))
        hit: set[int] = set()
        for length, by_hash in spans.items():
            known = np.fromiter(by_hash, np.uint64, len(by_hash))
            for value in np.intersect1d(rolling(words, length), known):
                hit |= by_hash[int(value)]
        if hit:
            found[text.name] = len(hit)
    return found


def _add_spans(spans: _Spans, task: LoadedTask, first: int) -> None:
    """Add the spans of a task's questions, which are numbered from `first`."""
    own: _Spans = {}
    for number, question in enumerate(task.questions, first):
        prompt = str(task.task.doc_to_text(question.doc))
        for text in _strings(question.doc):
            words = words_of(text)
            length = min(SPAN, len(words))
            if length == SPAN or (length >= FEWEST and text in prompt):  # a short answer is no question
                for start, value in enumerate(rolling(word_hashes(words), length)):
                    if _says_something(words[start : start + length]):
                        own.setdefault(length, {}).setdefault(int(value), set()).add(number)
    most = max(2.0, _COMMON * len(task.questions))
    for length, by_hash in own.items():
        kept = {value: numbers for value, numbers in by_hash.items() if len(numbers) <= most}
        for value, numbers in kept.items():
            spans.setdefault(length, {}).setdefault(value, set()).update(numbers)


def _says_something(words: Sequence[str]) -> bool:
    """Whether a span is more than numbers and repetition: counting to thirteen is no copying."""
    return len({word for word in words if not word.isdigit()}) >= _DIFFERENT


def _strings(value: object) -> list[str]:
    """Every string within a question's data."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [text for item in value for text in _strings(item)] if isinstance(value, list | tuple) else []
