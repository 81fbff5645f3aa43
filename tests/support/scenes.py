"""A study of scenes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

STUDY = {
    "name": "scenes",
    "space": {"texts": {"folder": "library"}, "learning_rate": 3e-3},
    "objective": {
        "tokens": 128,
        "sequence_length": 4,
        "batch_size": 4,
        "rungs": [0.5, 1.0],
        "scores": [
            {"kind": "scenes", "weights": {"depth": 2, "compression": 1}, "limit": 4},
            {"kind": "heldout", "files": ["heldout.txt"], "passage": 50},
        ],
    },
    "search": {"trials": 10, "randomized_share": 1, "sampler": "random", "confirm": {"best": 1, "seeds": 2}},
}


@pytest.fixture
def place(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in library.iterdir():
        path.write_text(path.read_text() * 6)
    (tmp_path / "heldout.txt").write_text("".join(f"{i} ants and {i * i} bees met at the river.\n" for i in range(20)))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(STUDY))
    monkeypatch.chdir(tmp_path)
    return tmp_path
