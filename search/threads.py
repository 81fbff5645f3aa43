"""Linear algebra on one thread."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import lru_cache

from threadpoolctl import ThreadpoolController


def on_one_thread() -> AbstractContextManager[object]:
    """Keep the libraries that are loaded now to one thread, within the block.

    Small matrices take ten times as long on all threads, beside busy workers even more. To find the libraries, the
    maps of the whole process are read, which takes longer than many a draw: that is done anew only after an import.
    """
    found: AbstractContextManager[object] = _controller(len(sys.modules)).limit(limits=1)
    return found


@lru_cache(maxsize=1)
def _controller(_modules: int) -> ThreadpoolController:
    """The libraries that a process with so many modules has loaded."""
    return ThreadpoolController()
