"""Every code block of the documentation runs as it stands, or says why it is not run."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support.pages import blocks_of, run_page

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
LANGUAGES = {"python", "sh", "yaml", "text", "json", "dockerfile", "ini", "toml"}
"""`text` is output; the last ones are files of other programs."""
RUN = {"python", "sh", "yaml"}
WORDS = "river stone winter market garden letter morning harbor window bread iron paper music forest candle".split()


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def books(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a folder `books` of five small texts."""
    (tmp_path / "books").mkdir()
    for name in ("emma", "iliad", "logic", "origin", "walden"):
        rng = random.Random(name)
        sentences = (" ".join(rng.choices([*WORDS, f"{name}{n}"], k=9)).capitalize() for n in range(400))
        (tmp_path / "books" / f"{name}.txt").write_text(". ".join(sentences), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_blocks_have_a_known_language(page: Path) -> None:
    unknown = [(block.line, block.language) for block in blocks_of(page) if block.language not in LANGUAGES]
    assert unknown == []


@pytest.mark.docs
@pytest.mark.torch
@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(b.executed and b.language in RUN for b in blocks_of(page))], ids=named
)
def test_blocks_run(page: Path, books: Path) -> None:
    run_page(page, books)


def too_long(page: Path) -> list[int]:
    """Lines of more than 120 characters outside of tables and code."""
    found, fenced = [], False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        if len(line) > 120 and not fenced and not line.startswith("|"):
            found.append(number)
    return found


GENERATED = {ROOT / "docs" / "text_to_lora_results.md"}
"""Pages that `make t2l` and its like write, one paragraph a line."""


@pytest.mark.parametrize(
    "page", sorted({*PAGES, ROOT / "CHANGELOG.md", ROOT / "examples" / "README.md"} - GENERATED), ids=named
)
def test_lines_are_short(page: Path) -> None:
    assert too_long(page) == []
