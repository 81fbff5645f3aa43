"""Versions of packages, for provenance."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import version


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the installed version of each package by name, Python's first."""
    return {"python": platform.python_version()} | {package: version(package) for package in packages}
