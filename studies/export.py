"""Taking an adapter out of a study."""

from __future__ import annotations

import shutil
from pathlib import Path

from spaces import InputError
from spaces.errors import listed
from studies.launch import artifacts_of
from studies.session import find_adapter
from studies.store import StoredStudy, resume_command


def export_adapter(study: StoredStudy, folder: Path, out: Path, trial: int | None = None) -> Path:
    """Copy the PEFT folder of a trial, of the best one where none is named; return the safetensors file.

    Raises:
        InputError: there is no such trial, it has no adapter on disk, or `out` exists.
    """
    if out.exists():
        raise InputError(f"{str(out)!r} exists already. Choose another folder with --out.")
    record = study.best if trial is None else next((r for r in study.records if r.number == trial), None)
    if record is None or find_adapter(study, folder, record) is None:
        raise InputError(_why_not(study, folder, trial))
    unfinished = out.with_name(out.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    artifacts_of(study, folder).copy(record.number, record.rungs[-1].artifact, unfinished)
    unfinished.replace(out)
    return out / "adapter_model.safetensors"


def _why_not(study: StoredStudy, folder: Path, trial: int | None) -> str:
    name = study.spec.name
    with_adapter = [str(r.number) for r in study.records if find_adapter(study, folder, r) is not None]
    if trial is None and study.best is None:
        return f"No trial of {name!r} is complete yet. Go on with: {resume_command(name, study.url, folder)}"
    if trial is None:
        return (
            f"The best trial of {name!r} has no adapter on disk: it trained on nothing, or its folder below "
            f"{artifacts_of(study, folder).place!r} is gone. Name another with --trial: {listed(with_adapter)}."
        )
    return f"Trial {trial} of {name!r} has no adapter on disk. Trials with an adapter: {listed(with_adapter)}."
