"""Seeds at once, in processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Self, TypeVar

import optuna

Result = TypeVar("Result")


class Workers:
    """Runs a task for every seed; results do not depend on the number of processes."""

    def __init__(self, processes: int) -> None:
        """Say how many seeds at once; 1: in this process."""
        _hush()
        self._pool = ProcessPoolExecutor(processes, get_context("spawn"), _hush) if processes > 1 else None

    def over(self, task: Callable[[int], Result], seeds: int) -> list[Result]:
        """The task's result by seed; it must pickle."""
        return list(self._pool.map(task, range(seeds)) if self._pool else map(task, range(seeds)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)


def _hush() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
