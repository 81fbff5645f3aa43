"""The base that mixtune ships: about 0.85 million parameters, for the demo and for trying things out."""

from __future__ import annotations

from pathlib import Path

from objectives.bases.hub import HubBase

FOLDER = Path(__file__).parent / "tiny_base"


class TinyBase(HubBase):
    """The shipped model; `make base` makes it anew from the text that `studies/demo/drills.py` writes."""

    @property
    def source(self) -> str:
        return str(FOLDER)
