"""Limit of linear algebra libraries to one thread."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


def on_one_thread() -> AbstractContextManager[object]:
    """Limit the loaded linear algebra libraries to one thread within the block.

    Small matrices take ten times as long on all threads, and even longer when workers are busy. Finding the libraries
    means reading the memory maps of the whole process, which takes longer than most draws, so this is repeated only
    after an import.
    """
    limit: AbstractContextManager[object] = _controller(len(sys.modules)).limit(limits=1)
    return limit


@lru_cache(maxsize=1)
def _controller(_modules: int) -> ThreadpoolController:
    """Return the controller of the loaded libraries, cached by the number of imported modules."""
    return ThreadpoolController()
