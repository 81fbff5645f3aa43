"""What the best trial has changed in the model: computed once, kept beside the study."""

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
    """Compare the best trial's model with its base; where that cannot be, None and the reason, empty if there is none.

    The answer does not hang on it, so nothing that is missing here ends a report.
    """
    best, objective = study.best, study.spec.objective
    if best is None or not isinstance(objective, FinetuneSpec) or find_adapter(study, folder, best) is None:
        return None, ""
    if best.config.from_scratch:
        return None, ""  # random weights are nothing to compare with
    from objectives.inspection import inspect

    known = folder / _FOLDER / f"{study.id}-{best.number}.json"
    if (before := _read(known)) is not None:
        return before, ""
    try:
        corpus = scan(study.spec.space.texts.folder, study.spec.space.texts.unit)
        with tempfile.TemporaryDirectory(prefix="mixtune-") as made:
            artifacts_of(study, folder).copy(best.number, best.rungs[-1].artifact, Path(made))
            found = inspect(objective, corpus, Path(made))
    except MixtuneError as error:
        return None, f"What the best trial changed in the model is not shown: {error}"
    write_text(known, json.dumps(found.to_dict()), shared=True)
    return found, ""


def _read(known: Path) -> Inspection | None:
    """The inspection that was computed before; None where there is nothing that this version can read."""
    from objectives.inspection import Inspection

    try:
        return Inspection.from_dict(json.loads(known.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
