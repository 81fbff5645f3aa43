"""A finished study to report on."""

from __future__ import annotations

from pathlib import Path

from studies.run.launch import prepare_launch
from studies.storage.store import Store
from studies.storage.stored import StoredStudy
from tests.support.launching import local, spec_for


def finished(library: Path, runs: Path, trials: int = 56, **objective: object) -> tuple[Store, StoredStudy]:
    """A whole study; its sampler is a quick one, as nobody who reads it asks how trials were chosen."""
    search = {"trials": trials, "sampler": "tpe"}
    ready = prepare_launch(spec_for(library, seed=1, search=search, objective=objective), runs)
    return ready.store, ready.run(local, lambda _: None).study
