"""Held-out text: cut into passages, split, and compared with the training texts."""

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
"""Largest and smallest default length of a passage, in characters, and the default number of passages."""
_MOST_SHARED = 0.2
"""Share of the held-out words that the training texts may contain: scored text must be new, but quotations are
harmless."""
HELDOUT = "heldout_bits_per_byte"
"""Name of the quality: bits per byte of the held-out text."""


def passages_of(texts: list[str], part: QuestionSubset, spec: HeldoutSpec) -> list[int]:
    """Return the indices of the passages that belong to a subset.

    Raises:
        FieldError: the subset is empty, because there are too few passages.
    """
    chosen = select([fingerprint(text) for text in texts], part, spec.holdout, spec.split_seed)
    if not chosen:
        raise FieldError(
            "objective.scores",
            f"the held-out text has {len(set(texts))} different passages, too few to hold out {spec.holdout:.0%} of "
            "them from the search. Lower `passage`, set `holdout: 0`, or give more text.",
            code="heldout-too-short",
        )
    return chosen


def passages(spec: HeldoutSpec, corpus: Corpus, without: Sequence[Path] = ()) -> list[str]:
    """Return the held-out text in passages, cut at line ends, or between words if lines are long.

    `without`: files to leave out, because they are read as dialogues.

    Raises:
        InputError: a file or text does not exist, is trained on, or is empty.
    """
    if spec.text is not None:
        content = corpus.named(spec.text, "objective.scores").read()
        parts = [content[split_at(content, spec.share) :]]
    else:
        for path in spec.files:
            if not path.is_file():
                raise FieldError(
                    "objective.scores",
                    f"the held-out file {str(path)!r} does not exist. Check `files`.",
                    code="heldout-missing",
                )
            _refuse_training_text(path, corpus)
        parts = [read_file(path) for path in spec.files if path not in without]
    size = spec.passage or max(_SHORTEST, min(_LONGEST, sum(map(len, parts)) // _PASSAGES))
    pieces = [passage for part in parts for passage in cut(part, size)]
    if not pieces and not without:
        raise FieldError(
            "objective.scores",
            "the held-out text is empty. Give files with text, or a larger `share`.",
            code="heldout-empty",
        )
    return pieces


def _refuse_training_text(path: Path, corpus: Corpus) -> None:
    content = _normalized(read_file(path))
    for text in corpus.texts:
        if any(_normalized(read_file(file)) == content for file in text.files):
            raise FieldError(
                "objective.scores",
                f"the held-out file {str(path)!r} is the text {text.name!r}, which trials train on. Give "
                f"`text: {text.name}` instead of `files`, to hold out its end from training, or another file.",
                code="heldout-is-text",
            )


def shared_with_texts(
    spec: HeldoutSpec, corpus: Corpus, texts: Sequence[str], kept: Mapping[str, float]
) -> dict[str, int]:
    """Count the held-out passages that each training text contains; texts without any are left out.

    Args:
        spec: the entry.
        corpus: the texts.
        texts: the passages of the entry.
        kept: share of each text's end, in [0, 1], that no trial trains on, by text name.

    Raises:
        FieldError: the training texts contain more than a fifth of the held-out words.
    """
    if spec.text is not None:
        kept = {**kept, spec.text: max(spec.share, kept.get(spec.text, 0.0))}
    shared = heldout_in(corpus, texts, kept)
    whole = _normalized(" ".join(texts))
    inside = [text.name for text in corpus.texts if whole in _normalized(training_part(text, kept.get(text.name, 0.0)))]
    if shared.share <= _MOST_SHARED and not inside:
        return dict(shared.counts)
    names = inside or sorted(shared.counts, key=lambda name: -shared.counts[name])
    share = 1.0 if inside else shared.share
    if spec.text is not None:
        what, instead = f"the end of the text {spec.text!r}", "Remove one of the texts, or hold out another"
    else:
        what = f"the held-out files {listed(path.name for path in spec.files)}"
        instead = f"Give `text: {names[0]}` instead of `files`, to hold out its end from training, or other files"
    raise FieldError(
        "objective.scores",
        f"at most {_MOST_SHARED:.0%} of the words of {what} may be in texts that trials train on; {share:.0%} are: in "
        f"{listed(map(repr, names))}. {instead}.",
        code="heldout-copied",
    )


def _normalized(content: str) -> str:
    """Normalize the whitespace of a text, because lines may break differently in a copy."""
    return " ".join(content.split())


def _breakable(content: str, size: int) -> Iterator[str]:
    """Yield the lines of a text, and the words of lines that are longer than a passage."""
    for line in content.splitlines(keepends=True):
        yield from [line] if len(line) <= size else re.split(r"(?<=\s)(?=\S)", line)


def cut(content: str, size: int = _LONGEST) -> list[str]:
    """Cut a text into passages of about `size` characters."""
    pieces: list[str] = []
    current = ""
    for piece in _breakable(content, size):
        current += piece
        if len(current) >= size:
            pieces.append(current)
            current = ""
    return [piece for piece in (*pieces, current) if piece.strip()]
