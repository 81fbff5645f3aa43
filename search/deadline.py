"""Time limit of a launch or resume."""

from __future__ import annotations

import math
import time


class Deadline:
    """Time limit of one launch or resume, shared by the search and its confirmation."""

    def __init__(self, hours: float | None = None) -> None:
        """Start the clock; the deadline is `hours` from now, or never if None."""
        self._ends = time.monotonic() + hours * 3600 if hours is not None else math.inf

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._ends
