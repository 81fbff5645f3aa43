"""A pipeline that `mixtune train` runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

PLAN: dict[str, Any] = {
    "name": "plan",
    "space": {
        "texts": {"folder": "texts", "choose": "all"},
        "learning_rate": 3e-3,
        "stages": [
            {"name": "low", "texts": ["ants"], "layers": "0-1", "tuning": {"rank": 2, "targets": "attention"}},
            {"name": "norms", "layers": -1, "tuning": {"method": "layernorm"}},
        ],
    },
    "objective": {
        "tokens": 512,
        "sequence_length": 16,
        "batch_size": 4,
        "scores": [{"kind": "heldout", "files": ["heldout.txt"]}],
    },
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two texts, a held-out one and a plan."""
    (tmp_path / "texts").mkdir()
    for name in ("ants", "bees"):
        (tmp_path / "texts" / f"{name}.txt").write_text("".join(f"{i} {name} met {i + 1} more.\n" for i in range(60)))
    (tmp_path / "heldout.txt").write_text("".join(f"the ant of day {i} met 3 bees and went home.\n" for i in range(40)))
    write(tmp_path, PLAN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, plan: dict[str, Any]) -> None:
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
