"""Held-out text that stands in what trials train on: copies, excerpts and quotations."""

from __future__ import annotations

import json
import random
from pathlib import Path
from string import ascii_lowercase

import pytest

from objectives.scoring.spec import HeldoutSpec
from spaces import Corpus, scan
from tests.support.refusals import refused

pytestmark = pytest.mark.torch

WORDS = [
    first + second for first in ("ba", "do", "fi", "gu", "le", "mo", "na") for second in ("ker", "lin", "mus", "ra")
]


def _prose(seed: int, sentences: int = 120) -> list[str]:
    """Sentences of eleven words that nobody else writes."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=11)).capitalize() + ".\n" for _ in range(sentences)]


@pytest.fixture
def texts(tmp_path: Path) -> Corpus:
    folder = tmp_path / "books"
    folder.mkdir()
    for number in range(3):
        (folder / f"book{number}.txt").write_text("".join(_prose(number)))
    return scan(folder)


def _shared(corpus: Corpus, tmp_path: Path, content: str, kept: dict[str, float] | None = None) -> dict[str, int]:
    from objectives.scoring.heldout.text import passages, shared_with_texts

    (tmp_path / "held.txt").write_text(content, newline="")
    spec = HeldoutSpec(kind="heldout", files=[tmp_path / "held.txt"])
    return shared_with_texts(spec, corpus, passages(spec, corpus), kept or {})


def test_a_new_text_shares_nothing(texts: Corpus, tmp_path: Path) -> None:
    assert _shared(texts, tmp_path, "".join(_prose(9))) == {}


@pytest.mark.parametrize("change", ["excerpt", "lines end otherwise", "lines break otherwise", "a third"])
def test_a_copy_of_a_training_text_is_refused(texts: Corpus, tmp_path: Path, change: str) -> None:
    book = _prose(1)
    content = {
        "excerpt": "".join(book[30:50]),
        "lines end otherwise": "\ufeff" + "".join(book).replace("\n", "\r\n") + "\r\nThe end.",
        "lines break otherwise": " ".join("".join(book[:60]).split()).replace(". ", ".\n\n"),
        "a third": "".join([*_prose(9)[:80], *book[:40]]),
    }[change]
    with refused("heldout-copied", "held.txt", "'book1'", "`text: book1`", field="objective.scores"):
        _shared(texts, tmp_path, content)


def test_a_copy_that_differs_in_its_line_ends_alone_is_the_text(texts: Corpus, tmp_path: Path) -> None:
    from objectives.scoring.heldout.text import passages

    (tmp_path / "held.txt").write_text("\ufeff" + "".join(_prose(2)).replace("\n", "\r\n"), newline="")
    with refused("heldout-is-text", "'book2'", field="objective.scores"):
        passages(HeldoutSpec(kind="heldout", files=[tmp_path / "held.txt"]), texts)


def test_a_file_cut_out_of_several_texts_is_refused(texts: Corpus, tmp_path: Path) -> None:
    """No single text holds a fifth of it, and all together hold more than half."""
    parts = [sentence for number in range(3) for sentence in _prose(number)[:24]]
    with refused("heldout-copied", "60%", "book", field="objective.scores"):
        _shared(texts, tmp_path, "".join([*parts, *_prose(9)[:48]]))


def test_a_quotation_is_counted(texts: Corpus, tmp_path: Path) -> None:
    new = _prose(9)
    quoting = [*new[:50], *_prose(0)[10:14], *new[50:], _prose(2)[7].upper()]
    found = _shared(texts, tmp_path, "".join(quoting))
    assert set(found) <= {"book0", "book2"}, "a single sentence of eleven words counts where it is a passage by itself"
    assert 1 <= found["book0"] <= 5
    assert found.get("book2", 0) <= 1


def test_wording_that_the_held_out_text_repeats_is_no_copy(texts: Corpus, tmp_path: Path) -> None:
    refrain = "and so they all went down to the river again and sang their song\n"
    folder = texts.folder
    (folder / "book0.txt").write_text("".join([*_prose(0), "Then came winter ", refrain]))
    content = "".join(sentence + refrain for sentence in _prose(9))
    assert _shared(scan(folder), tmp_path, content) == {}


def test_repetitive_text_that_stands_whole_in_a_text_is_refused(texts: Corpus, tmp_path: Path) -> None:
    line = "the ant met the bee and the bee met the ant.\n"
    (texts.folder / "drill.txt").write_text(line * 200)
    with refused("heldout-copied", "'drill'", field="objective.scores"):
        _shared(scan(texts.folder), tmp_path, line * 60)


def test_what_no_trial_trains_on_may_be_scored(texts: Corpus, tmp_path: Path) -> None:
    from objectives.data.tokens import training_part

    ending = texts["book1"].read().removeprefix(training_part(texts["book1"], 0.25))
    with refused("heldout-copied", field="objective.scores"):
        _shared(texts, tmp_path, ending)
    assert _shared(texts, tmp_path, ending, {"book1": 0.25}) == {}


@pytest.mark.parametrize("name", ["book2", "book0"])
def test_the_kept_end_of_a_text_may_stand_nowhere_else(texts: Corpus, name: str) -> None:
    from objectives.scoring.heldout.text import passages, shared_with_texts

    def shared(corpus: Corpus) -> dict[str, int]:
        spec = HeldoutSpec(kind="heldout", text="book0", share=0.3)
        return shared_with_texts(spec, corpus, passages(spec, corpus), {})

    assert shared(texts) == {}
    ending = "".join(_prose(0)[-40:])
    (texts.folder / f"{name}.txt").write_text("".join(_prose(7)) + ending + ("" if name != "book0" else ending))
    with refused("heldout-copied", "'book0'", f"'{name}'", field="objective.scores"):
        shared(scan(texts.folder))


@pytest.mark.parametrize("words", [5, 9, 12])
def test_short_lines_that_are_trained_on_are_refused(tmp_path: Path, words: int) -> None:
    """Dialogues of fewer than 13 words, in another order than in the text, were scored though trained on."""
    from objectives.scoring.contamination import heldout_in

    rng = random.Random(words)
    pool = [f"{first}{second}xo" for first in ascii_lowercase for second in ascii_lowercase]
    rows = [{"text": " ".join(rng.sample(pool, words))} for _ in range(100)]
    folder = tmp_path / "short"
    folder.mkdir()
    (folder / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "other.txt").write_text("another text of a few words")
    chosen = rng.sample(rows, 30)
    held = [row["text"] for row in chosen]
    found = heldout_in(scan(folder), held)
    assert found.counts == {"lines": 30}
    assert found.share == 1.0
    assert heldout_in(scan(folder), [" ".join(rng.sample(pool, words)) for _ in range(30)]).share == 0.0
