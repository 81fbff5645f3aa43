"""Who runs a study, as its searcher sees it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Driver(Protocol):
    """One program that runs trials of a study, as its searcher sees it."""

    @property
    def id(self) -> str:
        """Differs between any two drivers that ever were."""
        ...

    def alive_ids(self) -> frozenset[str]:
        """Ids of the drivers that run the study now, this one included."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """While the block runs, no other driver of the study is in such a block."""
        ...


class LoneDriver:
    """The only driver of a study, by the word of whoever uses it: tests, and studies in memory."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex

    def alive_ids(self) -> frozenset[str]:
        return frozenset({self.id})

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        yield
