"""Listener that appends events as JSON lines to `events.jsonl` in the study's folder."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from objectives.base import Rung
from search.events import ConfirmationBegun, Event

FILE = "events.jsonl"


class JsonLines:
    """Listener that writes one line per event: the time, the study, its part, the event's type and its fields.

    Rungs are written without the scores of their questions. Trials that resume write their earlier rungs again.
    """

    def __init__(self, study: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._study = study
        self._part = "search"
        self._file = (folder / FILE).open("a", encoding="utf-8")

    def hear(self, event: Event) -> None:
        if isinstance(event, ConfirmationBegun):  # later trial numbers are those of its runs
            self._part = "confirmation"
        now = datetime.now().astimezone().isoformat(timespec="milliseconds")
        content = {field.name: _plain(getattr(event, field.name)) for field in fields(event)}
        line = {"time": now, "study": self._study, "part": self._part, "event": type(event).__name__, **content}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _plain(value: object) -> Any:
    """Return a field of an event as JSON data."""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Rung):
        return {name: part for name, part in value.to_dict().items() if name != "items"}
    return value
