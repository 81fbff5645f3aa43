"""The files of the trials of a study."""

from __future__ import annotations

from pathlib import Path

from search.artifacts import Artifacts
from studies.storage.stored import StoredStudy


def artifacts_of(study: StoredStudy, folder: Path, *, confirmation: bool = False) -> Artifacts:
    """The place where the trials of a study keep their files, its own whatever else lies there.

    A study that is launched anew under an old name must not go on from the old one's trials.
    """
    place = study.spec.artifacts or str((folder / "artifacts").resolve())
    name = f"{study.begun_as}-{study.id}" if study.spec.artifacts else study.id
    return Artifacts(f"{place.rstrip('/')}/{name}{'/confirmation' if confirmation else ''}")
