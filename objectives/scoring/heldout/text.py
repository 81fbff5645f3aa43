"""Bits per byte of text that no trial trains on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from objectives.data.tokens import split_at, training_part
from objectives.questions import QuestionSubset, select
from objectives.scoring.contamination import heldout_in
from objectives.scoring.spec import HeldoutSpec
from spaces import Corpus, FieldError
from spaces.corpus import read_file
from spaces.errors import listed
from spaces.trial import fingerprint

_LONGEST, _SHORTEST, _PASSAGES = 2000, 40, 40
"""Characters of a passage, and how many a text should have, where the study does not say."""
_MOST_SHARED = 0.2
"""Share of the held-out words that may stand in the texts: what is scored must be new, and a quotation does no harm."""
HELDOUT = "heldout_bits_per_byte"
"""Name of the quality."""


def passages_of(texts: list[str], part: QuestionSubset, spec: HeldoutSpec) -> list[int]:
    """Numbers of the passages that belong to a part.

    Raises:
        FieldError: the part is empty, because there are too few passages.
    """
    chosen = select([fingerprint(text) for text in texts], part, spec.holdout, spec.split_seed)
    if not chosen:
        raise FieldError(
            "objective.scores",
            f"the held-out text has {len(set(texts))} different passages, too few to keep {spec.holdout:.0%} of them "
            "from the search. Lower `passage`, set `holdout: 0`, or give more text.",
            code="heldout-too-short",
        )
    return chosen


def passages(spec: HeldoutSpec, corpus: Corpus, without: Sequence[Path] = ()) -> list[str]:
    """The held-out text in passages, cut at line ends, or between words where lines are long.

    `without`: files that are read in another way.

    Raises:
        InputError: a file or text that is not there, is trained on, or empty.
    """
    if spec.text is not None:
        content = corpus.named(spec.text, "objective.scores").read()
        parts = [content[split_at(content, spec.share) :]]
    else:
        for path in spec.files:
            if not path.is_file():
                raise FieldError(
                    "objective.scores",
                    f"the held-out file {str(path)!r} is not there. Check `files`.",
                    code="heldout-missing",
                )
            _refuse_training_text(path, corpus)
        parts = [read_file(path) for path in spec.files if path not in without]
    size = spec.passage or max(_SHORTEST, min(_LONGEST, sum(map(len, parts)) // _PASSAGES))
    found = [passage for part in parts for passage in cut(part, size)]
    if not found and not without:
        raise FieldError(
            "objective.scores",
            "the held-out text is empty. Give files with text, or a larger `share`.",
            code="heldout-empty",
        )
    return found


def _refuse_training_text(path: Path, corpus: Corpus) -> None:
    content = _normalized(read_file(path))
    for text in corpus.texts:
        if any(_normalized(read_file(file)) == content for file in text.files):
            raise FieldError(
                "objective.scores",
                f"the held-out file {str(path)!r} is the text {text.name!r}, which trials train on. Give "
                f"`text: {text.name}` instead of `files`, to keep its end from training, or another file.",
                code="heldout-is-text",
            )


def shared_with_texts(
    spec: HeldoutSpec, corpus: Corpus, texts: Sequence[str], kept: Mapping[str, float]
) -> dict[str, int]:
    """Return the texts that some of the held-out passages stand in, with how many of them do.

    Args:
        spec: the entry.
        corpus: the texts.
        texts: the entry's `passages`.
        kept: text to the share of its end, in [0, 1], that no trial trains on.

    Raises:
        FieldError: more than a fifth of the held-out words stand in what trials train on.
    """
    if spec.text is not None:
        kept = {**kept, spec.text: max(spec.share, kept.get(spec.text, 0.0))}
    found = heldout_in(corpus, texts, kept)
    whole = _normalized(" ".join(texts))
    inside = [text.name for text in corpus.texts if whole in _normalized(training_part(text, kept.get(text.name, 0.0)))]
    if found.share <= _MOST_SHARED and not inside:
        return dict(found.counts)
    names = inside or sorted(found.counts, key=lambda name: -found.counts[name])
    share = 1.0 if inside else found.share
    if spec.text is not None:
        what, instead = f"the end of the text {spec.text!r}", "Remove one of the texts, or hold out another"
    else:
        what = f"the held-out files {listed(path.name for path in spec.files)}"
        instead = f"Give `text: {names[0]}` instead of `files`, to keep its end from training, or other files"
    raise FieldError(
        "objective.scores",
        f"{share:.0%} of the words of {what} stand in texts that trials train on: {listed(map(repr, names))}. "
        f"At most {_MOST_SHARED:.0%} may. {instead}.",
        code="heldout-copied",
    )


def _normalized(content: str) -> str:
    """The words of a text, whatever parts them: lines may end or break in another way in a copy."""
    return " ".join(content.split())


def _breakable(content: str, size: int) -> Iterator[str]:
    """Lines, and the words of lines that are longer than a passage."""
    for line in content.splitlines(keepends=True):
        yield from [line] if len(line) <= size else re.split(r"(?<=\s)(?=\S)", line)


def cut(content: str, size: int = _LONGEST) -> list[str]:
    """Cut a text into passages of about so many characters."""
    pieces: list[str] = []
    current = ""
    for piece in _breakable(content, size):
        current += piece
        if len(current) >= size:
            pieces.append(current)
            current = ""
    return [piece for piece in (*pieces, current) if piece.strip()]
