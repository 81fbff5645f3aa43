"""The base that mixtune ships: about 0.85 million parameters, for demos and first experiments."""

from __future__ import annotations

from pathlib import Path

from objectives.bases.hub import HubBase

FOLDER = Path(__file__).parent / "tiny_base"


class TinyBase(HubBase):
    """The shipped model; `make base` trains it again on the text that `studies/demo/drills.py` writes."""

    @property
    def source(self) -> str:
        return str(FOLDER)
