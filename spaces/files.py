"""Files and folders that appear whole or not at all, whenever a program is cut off."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path, *, shared: bool = False, over: bool = True) -> Iterator[Path]:
    """Give a path to write a file or a folder at; it gets its true name when the block has ended well.

    Folders above it are made.

    Args:
        path: of the file or folder.
        shared: whether several programs may write it at once; the last one stands.
        over: whether what has that name is replaced; a folder that may not be is an error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = f".{os.getpid()}" if shared else ""  # without it, what a killed program left is replaced by the next
    unfinished = path.with_name(f".{path.name}{mark}.tmp")
    _remove(unfinished)
    try:
        yield unfinished
        if over and path.is_dir():
            shutil.rmtree(path)
        unfinished.replace(path)
    finally:
        _remove(unfinished)


def write_text(path: Path, text: str) -> None:
    """Write a file of UTF-8, whole or not at all."""
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
