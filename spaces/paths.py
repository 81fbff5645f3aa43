"""Paths of a study file, which start where it lies."""

from __future__ import annotations

from pathlib import Path


def beside(path: Path, folder: Path) -> Path:
    """A path that starts at a folder, absolute; `~` is the user's home."""
    return (folder / path.expanduser()).resolve()


def file_beside(name: str, folder: Path) -> str:
    """The path of a YAML file that starts at a folder; a name that is no such file as it is."""
    return str(beside(Path(name), folder)) if name.endswith((".yaml", ".yml")) else name
