"""A library of four tiny texts."""

from __future__ import annotations

from pathlib import Path

WORDS = {
    "alpha": "the first text speaks of ants and bees",
    "beta": "the second text speaks of bread and cheese",
    "gamma": "the third text speaks of rivers and hills",
    "delta": "the fourth text speaks of months and days",
}


def write_library(folder: Path) -> Path:
    """Write the texts into a new folder of that name."""
    folder.mkdir()
    for name, words in WORDS.items():
        (folder / f"{name}.txt").write_text(f"{words}\n", encoding="utf-8")
    return folder
