"""Running a study, from its checks to its last trial."""

from __future__ import annotations
