"""Failures alike in a row: a study that can only fail stops instead of burning the night."""

from __future__ import annotations

import re

_FIGURES = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|\b(?=\w*\d)[0-9a-f]{8,}\b|\d[\d.,]*(e[-+]?\d+)?"
)
"""What differs between failures of one kind: identifiers, addresses, figures, the trial's number in a path."""


class FailuresInARow:
    """Counts failures of one kind since the last trial that did not fail, in one run of a study."""

    def __init__(self, limit: int) -> None:
        """Set how many are too many."""
        self._limit = limit
        self._kinds: list[str] = []
        self.verdict = ""
        """Why the study stops; empty while it does not."""

    def add(self, reason: str) -> None:
        """Count a failure; one of another kind starts the count anew."""
        kind = _FIGURES.sub("#", reason)
        self._kinds = [*self._kinds, kind] if kind in self._kinds else [kind]
        if len(self._kinds) >= self._limit:
            self.verdict = f"{len(self._kinds)} trials in a row failed for the same reason: {reason}"

    def clear(self) -> None:
        """A trial ended well."""
        self._kinds = []
