"""Drivers, the programs that run a study."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Driver(Protocol):
    """One program that runs trials of a study."""

    @property
    def id(self) -> str:
        """Id that is unique among all drivers, past and present."""
        ...

    def alive_ids(self) -> frozenset[str]:
        """Return the ids of the drivers that run the study now, including this one."""
        ...

    def exclusive(self) -> AbstractContextManager[None]:
        """Exclude all other drivers of the study from such a block while this one runs."""
        ...


class LoneDriver:
    """Driver that is assumed to be the only one of its study, for tests and for studies in memory."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex

    def alive_ids(self) -> frozenset[str]:
        return frozenset({self.id})

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        yield
