"""Texts that are not UTF-8: detected and told, or all of them refused at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces import scan
from spaces.corpus import reading_notes
from spaces.corpus.decoding import decode
from tests.support.refusals import refused

RUSSIAN = "Жил старик со своею старухой у самого синего моря; они жили в ветхой землянке.\n" * 20
GERMAN = "Als Gregor Samsa eines Morgens aus unruhigen Träumen erwachte, fühlte er sich übel.\n" * 20


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("cp1251", RUSSIAN),
        ("koi8-r", RUSSIAN),
        ("latin-1", GERMAN),
        ("cp1252", GERMAN),
    ],
)
def test_well_known_encodings_are_read_and_told(tmp_path: Path, encoding: str, content: str) -> None:
    (tmp_path / "old.txt").write_bytes(content.replace("\n", "\r\n").encode(encoding))
    (tmp_path / "new.txt").write_text("a new text", encoding="utf-8")
    corpus = scan(tmp_path)
    assert corpus["old"].read() == content
    (note,) = reading_notes(corpus)
    assert "old.txt" in note
    assert content[:20] in note


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    (tmp_path / "marked.txt").write_bytes((mark + RUSSIAN).encode(encoding))
    found = decode(tmp_path / "marked.txt")
    assert found.content == RUSSIAN
    assert not found.detected


def test_all_files_that_cannot_be_read_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(b"PK\x03\x04\0\0")
    (tmp_path / "cut.txt").write_bytes(RUSSIAN.encode("utf-16")[:-1])
    (tmp_path / "lines.jsonl").write_text('{"text": "a"}\n{broken\n')
    (tmp_path / "good.txt").write_text("a text")
    with refused("texts-unusable") as caught:
        scan(tmp_path)
    lines = str(caught.value).split("\n")
    assert len(lines) == 3
    assert "binary.txt" in lines[0]
    assert "byte offset 4" in lines[0]
    assert "cut.txt" in lines[1]
    assert "line 2" in lines[2]
