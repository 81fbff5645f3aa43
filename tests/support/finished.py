"""A finished study to report on."""

from __future__ import annotations

from pathlib import Path

from studies.launch import prepare_launch
from studies.store import Store, StoredStudy
from tests.support.launching import local, spec_for


def finished(library: Path, runs: Path, trials: int = 40, **objective: object) -> tuple[Store, StoredStudy]:
    ready = prepare_launch(spec_for(library, seed=1, search={"trials": trials}, objective=objective), runs)
    return ready.store, ready.run(local, lambda _: None).study
