"""A finished study of very short trials on the demo's library, for tests of Text-to-LoRA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from studies.demo.library import write_demo
from tests.support.commands import call

STUDY = "short"


def short_study(folder: Path, **search: Any) -> Path:
    """Run ten trials, all randomized unless `search` says otherwise, and return the folder of the runs."""
    path = write_demo(folder, STUDY, seed=0)
    study = yaml.safe_load(path.read_text())
    study["objective"] |= {"tokens": 1024, "rungs": [1.0]}
    study["objective"]["scores"].append({"kind": "heldout", "text": "river_poems"})
    study["search"] |= {"trials": 10, "randomized_share": 1.0, "confirm": {"best": 0}, **search}
    path.write_text(yaml.safe_dump(study))
    done = call("launch", str(path), "--runs", str(folder / "runs"), "--local")
    assert done.exit_code == 0, done.output
    return folder / "runs"
