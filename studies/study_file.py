"""Loading of study files (study.yaml)."""

from __future__ import annotations

from pathlib import Path

from spaces.yaml.reading import parse, read_file
from studies.spec import StudySpec

_WHAT, _FIRST = "study file", "name: my-study"


def read_study(path: Path) -> StudySpec:
    """Load and validate a study file; relative paths in the file are resolved against its folder.

    Raises:
        InputError: the file is invalid; the message has one paragraph per problem.
    """
    hint = " `mixtune init FOLDER` writes one for a folder of texts."
    return read_file(path, StudySpec, _WHAT, _FIRST, hint).anchored(path.parent.resolve())


def parse_study(content: str, path: Path) -> StudySpec:
    """Parse and validate the text of a study file; `path` is used in messages only.

    Raises:
        InputError: see `read_study`.
    """
    return parse(content, path, StudySpec, _WHAT, _FIRST)
