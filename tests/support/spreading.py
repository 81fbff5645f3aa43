"""How pytest-xdist hands tests to its processes: whole files, whose fixtures are made once, and long ones first."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

APART = ("test_crashes", "test_interruption")
"""Files whose tests share nothing dear: both processes take from them."""
LONG_FIRST = (
    *APART,
    "test_calibration",
    "test_main_job",
    "test_real_books",
    "test_runners",
    "test_cluster",
    "test_ray_start",
    "test_report",
    "test_other_designs",
    "test_cli",
    "test_terminals",
)
"""Files that take half a minute and more: begun last, one of them would leave the other process idle."""


def unit_of(nodeid: str) -> str:
    """Tests that one process runs as a whole."""
    file = nodeid.split("::", 1)[0]
    return nodeid if PurePosixPath(file).stem in APART else file


def long_first(items: list[pytest.Item]) -> None:
    """Put the tests of long files in front; the order is the same in every process, as xdist wants it."""
    rank = {name: place for place, name in enumerate(LONG_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


class Spread(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Units in the order of collection, one after the other to whoever is free."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        """Keep the order: by number of tests, files of many quick ones would come first."""
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
