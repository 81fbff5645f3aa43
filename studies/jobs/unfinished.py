"""A long run's folder: going on with what was cut off there, and overwriting nothing."""

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
ASKED = "asked"
"""Key of a plan: what the user asked for."""


def unfinished(out: Path, work: str, told: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    """The plan of a run that was cut off in a folder; None where nothing is there.

    Args:
        out: the folder.
        work: name of the folder in it that holds what is only needed to go on.
        told: name of the file that a finished run leaves.
        asked: what is asked for now.

    Raises:
        InputError: the folder holds something else, or a run of another wish.
    """
    file = out / work / _PLAN
    if not file.is_file():
        if (out / told).exists() or not (out / work).is_dir():
            refuse_existing(out)
        shutil.rmtree(out / work, ignore_errors=True)  # it was cut off before it had begun
        return None
    plan: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if plan[ASKED] != asked:
        other = [name for name, value in asked.items() if plan[ASKED].get(name) != value]
        raise InputError(
            f"{str(out)!r} holds an unfinished run with another value of {listed(other)}. Go on with it by asking for "
            "the same, remove it, or choose another folder with --out.",
            code="run-of-other-values",
        )
    return plan


def write_plan(folder: Path, plan: Mapping[str, Any]) -> None:
    """Remember what a run sets out to do; `folder`: its working folder."""
    write_text(folder / _PLAN, json.dumps(plan, indent=2))
