"""Paths in a study file, which are relative to its folder."""

from __future__ import annotations

from pathlib import Path


def beside(path: Path, folder: Path) -> Path:
    """Return a path relative to a folder as an absolute path, with `~` expanded."""
    return (folder / path.expanduser()).resolve()


def file_beside(name: str, folder: Path) -> str:
    """Return the absolute path of a YAML file relative to a folder, or the name unchanged if it is not a YAML file."""
    return str(beside(Path(name), folder)) if name.endswith((".yaml", ".yml")) else name
