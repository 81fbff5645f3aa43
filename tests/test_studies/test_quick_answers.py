"""Answers that people wait for: which heavy packages each command imports, rather than how many seconds it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from studies.run.launch import prepare_launch
from tests.support.launching import local, spec_for

HEAVY = frozenset(
    "torch transformers peft ray lm_eval datasets sklearn pandas seaborn matplotlib scipy.stats statsmodels".split()
)
_RUN = (
    "import sys, json\n"
    "from studies.cli import main\n"
    "try:\n    main()\nexcept SystemExit:\n    pass\n"
    "print('\\n' + json.dumps(sorted(sys.modules)))"
)


def imported(folder: Path, *command: str) -> set[str]:
    """Heavy packages that a command has imported, and what is lighter but not free: optuna, pydantic."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *command], cwd=folder, capture_output=True, text=True, check=True
    )
    modules = set(json.loads(done.stdout.strip().split("\n")[-1]))
    return modules & (HEAVY | {"optuna", "pydantic"})


@pytest.fixture
def place(library: Path, tmp_path: Path) -> Path:
    prepare_launch(spec_for(library), tmp_path / "runs").run(local, lambda _: None)
    (tmp_path / "typo.yaml").write_text("schema: 1\nname: x\nspac: {}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        (("--help",), set()),
        (("launch", "--help"), {"pydantic"}),  # typer imports it itself
        (("launch", "typo.yaml"), {"optuna", "pydantic"}),
        (("launch", "nowhere.yaml"), {"optuna", "pydantic"}),
        (("estimate", "typo.yaml"), {"optuna", "pydantic"}),
        (("status",), {"optuna", "pydantic"}),
        (("status", "smal"), {"optuna", "pydantic"}),
        (("best", "small"), {"optuna", "pydantic"}),
    ],
)
def test_a_quick_command_imports_nothing_heavy(place: Path, command: tuple[str, ...], allowed: set[str]) -> None:
    assert imported(place, *command) <= allowed
