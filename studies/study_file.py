"""Reading study.yaml."""

from __future__ import annotations

from pathlib import Path

from spaces.yaml.reading import parse, read_file
from studies.spec import StudySpec

_WHAT, _FIRST = "study file", "name: my-study"


def read_study(path: Path) -> StudySpec:
    """Read and check a study file; relative paths in it start at its folder.

    Raises:
        InputError: one paragraph for each thing that is wrong.
    """
    hint = " `mixtune init FOLDER` writes one for a folder of texts."
    return read_file(path, StudySpec, _WHAT, _FIRST, hint).anchored(path.parent.resolve())


def parse_study(content: str, path: Path) -> StudySpec:
    """Check the text of a study file; `path` is for messages.

    Raises:
        InputError: see `read_study`.
    """
    return parse(content, path, StudySpec, _WHAT, _FIRST)
