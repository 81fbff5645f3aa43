"""How long a launch or resume may take."""

from __future__ import annotations

import math
import time


class Deadline:
    """The end of one launch or resume, shared by the search and its confirmation."""

    def __init__(self, hours: float | None = None) -> None:
        """Begin to count; `hours` from now is the end, None means never."""
        self._ends = time.monotonic() + hours * 3600 if hours is not None else math.inf

    @property
    def over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() >= self._ends
