"""Output folders of long runs: interrupted runs resume, and nothing is overwritten."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spaces import InputError
from spaces.errors import listed
from spaces.files import write_text
from studies.jobs.export import refuse_existing

_PLAN = "plan.json"
OPTIONS_KEY = "asked"
"""Key of a plan for the options of the user."""


def unfinished(out: Path, work: str, result_file: str, requested: dict[str, Any]) -> dict[str, Any] | None:
    """Return the plan of an interrupted run in a folder, None if there is no such run.

    Args:
        out: output folder.
        work: name of its subfolder with the state of the run.
        result_file: name of the file that a finished run writes.
        requested: current options of the user.

    Raises:
        InputError: the folder holds something else, or a run with other options.
    """
    file = out / work / _PLAN
    if not file.is_file():
        if (out / result_file).exists() or not (out / work).is_dir():
            refuse_existing(out)
        shutil.rmtree(out / work, ignore_errors=True)  # the run was interrupted before it started
        return None
    plan: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if plan[OPTIONS_KEY] != requested:
        changed = [name for name, value in requested.items() if plan[OPTIONS_KEY].get(name) != value]
        raise InputError(
            f"{str(out)!r} holds an unfinished run with another value of {listed(changed)}. Resume it with the same "
            "values, remove it, or choose another folder with --out.",
            code="run-of-other-values",
        )
    return plan


def write_plan(folder: Path, plan: Mapping[str, Any]) -> None:
    """Write the plan of a run to its working folder."""
    write_text(folder / _PLAN, json.dumps(plan, indent=2))
