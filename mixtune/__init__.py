"""Find out which texts make a language model reason better, and how to tune it on them.

This is the public API. All names here follow the deprecation policy in `CONTRIBUTING.md`; every other module is
internal. A study searches over texts and settings; its results are pandas data frames::

    import mixtune

    study = mixtune.Study.create(texts="books", tasks=["arc_easy"], trials=80)
    study.run()
    study.effects()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from objectives.base import Rung
    from search.events import (
        ConfirmationBegun,
        Event,
        RungReported,
        TrialFinished,
        TrialLost,
        TrialStarted,
    )
    from spaces.errors import FieldError, FileError, FormerName, InputError, MixtuneError
    from spaces.trial import CorpusMix, Stage, TrialConfig, Tuning
    from studies.api.best import BestTrial
    from studies.api.given import StudyFields
    from studies.api.results import Report
    from studies.api.tools import estimate, train, write_study_file
    from studies.demo.library import write_demo
    from studies.run.estimate.estimate import Estimate
    from studies.run.execution import Ending, Outcome
    from studies.run.status import Status
    from studies.spec import StudySpec
    from studies.study import Study, list_studies, open_study

_WHERE = {
    "objectives.base": ["Rung"],
    "search.events": ["ConfirmationBegun", "Event", "RungReported", "TrialFinished", "TrialLost", "TrialStarted"],
    "spaces.errors": ["FieldError", "FileError", "FormerName", "InputError", "MixtuneError"],
    "spaces.trial": ["CorpusMix", "Stage", "TrialConfig", "Tuning"],
    "studies.api.best": ["BestTrial"],
    "studies.api.given": ["StudyFields"],
    "studies.demo.library": ["write_demo"],
    "studies.api.results": ["Report"],
    "studies.run.execution": ["Ending", "Outcome"],
    "studies.run.status": ["Status"],
    "studies.spec": ["StudySpec"],
    "studies.run.estimate.estimate": ["Estimate"],
    "studies.study": ["Study", "list_studies", "open_study"],
    "studies.api.tools": ["estimate", "train", "write_study_file"],
}
_MODULES = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "BestTrial",
    "ConfirmationBegun",
    "CorpusMix",
    "Ending",
    "Estimate",
    "Event",
    "FieldError",
    "FileError",
    "FormerName",
    "InputError",
    "MixtuneError",
    "Outcome",
    "Report",
    "Rung",
    "RungReported",
    "Stage",
    "Status",
    "Study",
    "StudyFields",
    "StudySpec",
    "TrialConfig",
    "TrialFinished",
    "TrialLost",
    "TrialStarted",
    "Tuning",
    "estimate",
    "list_studies",
    "open_study",
    "train",
    "write_demo",
    "write_study_file",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import mixtune` and `mixtune --help` are quick."""
    if name == "__version__":
        from importlib.metadata import version

        return version("mixtune")
    if name not in _MODULES:
        raise AttributeError(f"module 'mixtune' has no attribute {name!r}")
    found = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
