"""Samplers calculate on one thread."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from search.threads import on_one_thread


@pytest.fixture
def two_threads() -> Iterator[None]:
    """This process may be held to one by its environment."""
    np.linalg.inv(np.eye(2))
    with threadpool_limits(2):
        yield


def threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


@pytest.mark.usefixtures("two_threads")
def test_libraries_have_one_thread_within_the_block_and_theirs_after(monkeypatch: pytest.MonkeyPatch) -> None:
    before = threads()
    assert before, "numpy has a library of linear algebra"
    for name in ("first", "second"):
        with on_one_thread():
            assert threads() == {1}
        assert threads() == before
        monkeypatch.setitem(sys.modules, f"imported-{name}", types.ModuleType(name))  # libraries are looked for anew
