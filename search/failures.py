"""Consecutive failures for the same reason, which stop a study that can only fail."""

from __future__ import annotations

import re

_FIGURES = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|\b(?=\w*\d)[0-9a-f]{8,}\b|\d[\d.,]*(e[-+]?\d+)?"
)
"""Parts of a message that differ between failures of one kind: identifiers, addresses, numbers."""


class FailuresInARow:
    """Counter of failures of the same kind since the last trial that did not fail, in one run of a study."""

    def __init__(self, limit: int) -> None:
        """Set the number of failures that stops the study."""
        self._limit = limit
        self._kinds: list[str] = []
        self.verdict = ""
        """Reason why the study stops; empty as long as it continues."""

    def add(self, reason: str) -> None:
        """Count a failure; a failure of another kind restarts the count."""
        kind = _FIGURES.sub("#", reason)
        self._kinds = [*self._kinds, kind] if kind in self._kinds else [kind]
        if len(self._kinds) >= self._limit:
            self.verdict = f"{len(self._kinds)} trials in a row failed for the same reason: {reason}"

    def clear(self) -> None:
        """Reset the count after a trial that did not fail."""
        self._kinds = []
