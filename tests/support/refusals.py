"""Refusals of mixtune: the kind of fault and where it stands, whatever the words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from spaces.errors import MixtuneError
from spaces.yaml.reading import code_of


@contextmanager
def refused(code: str, *data: str, **where: Any) -> Iterator[pytest.ExceptionInfo[MixtuneError]]:
    """A block that must raise an error.

    Args:
        code: its kind of fault.
        data: what its text must hold: names, numbers, paths, commands, but no sentences.
        where: attributes of the error, such as `field`, `line` and `path`.
    """
    with pytest.raises(MixtuneError) as caught:
        yield caught
    check(caught.value, code, *data, **where)


def check(error: MixtuneError, code: str, *data: str, **where: Any) -> None:
    """See that an error is of this kind, stands there and names all of this."""
    assert error.code == code, str(error)
    assert {name: getattr(error, name) for name in where} == where
    assert [word for word in data if word not in str(error)] == [], str(error)


@contextmanager
def unfit(code: str, *data: str) -> Iterator[None]:
    """A block that must make a section of a file with one value that it cannot take; arguments as for `refused`."""
    with pytest.raises(ValidationError) as caught:
        yield
    (fault,) = caught.value.errors()
    assert code_of(fault) == code, fault
    assert [word for word in data if word not in fault["msg"]] == [], fault["msg"]
