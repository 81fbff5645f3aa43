"""Location of the files of a study's trials."""

from __future__ import annotations

from pathlib import Path

from search.artifacts import Artifacts
from studies.storage.stored import StoredStudy


def artifacts_of(study: StoredStudy, folder: Path, *, confirmation: bool = False) -> Artifacts:
    """Return the location of the files of a study's trials, unique to the study.

    A new study with the name of an old one must not resume from the old study's trials.
    """
    place = study.spec.artifacts or str((folder / "artifacts").resolve())
    name = f"{study.launched_as}-{study.id}" if study.spec.artifacts else study.id
    return Artifacts(f"{place.rstrip('/')}/{name}{'/confirmation' if confirmation else ''}")
