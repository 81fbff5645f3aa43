"""Inspection of a study's best trial, computed once and stored with the study."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from objectives.spec import FinetuneSpec
from spaces import MixtuneError, scan
from spaces.files import write_text
from studies.jobs.export import find_adapter
from studies.storage.artifacts import artifacts_of
from studies.storage.stored import StoredStudy

if TYPE_CHECKING:
    from objectives.inspection import Inspection

_FOLDER = "changes"


def inspect_best(study: StoredStudy, folder: Path) -> tuple[Inspection | None, str]:
    """Compare the best trial's model with its base.

    Missing data never stops a report, because the results do not depend on the inspection.

    Returns:
        The inspection, or None if it is not possible, and the reason, which may be empty.
    """
    best, objective = study.best, study.spec.objective
    if best is None or not isinstance(objective, FinetuneSpec) or find_adapter(study, folder, best) is None:
        return None, ""
    if best.config.from_scratch:
        return None, ""  # there is no pretrained base to compare with
    from objectives.inspection import inspect

    file = folder / _FOLDER / f"{study.id}-{best.number}.json"
    if (stored := _read(file)) is not None:
        return stored, ""
    try:
        corpus = scan(study.spec.space.texts.folder, study.spec.space.texts.unit)
        with tempfile.TemporaryDirectory(prefix="mixtune-") as temporary:
            artifacts_of(study, folder).copy(best.number, best.rungs[-1].artifact, Path(temporary))
            inspection = inspect(objective, corpus, Path(temporary))
    except MixtuneError as error:
        return None, f"The changes of the best trial in the model are not shown: {error}"
    write_text(file, json.dumps(inspection.to_dict()), shared=True)
    return inspection, ""


def _read(file: Path) -> Inspection | None:
    """Return the stored inspection, None if there is none that this version can read."""
    from objectives.inspection import Inspection

    try:
        return Inspection.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
