"""Fields under their former names: files and stored studies of the release before are still read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from spaces.choices import Spec
from spaces.errors import FileError, FormerName
from spaces.yaml.reading import parse

FILE = Path("s.yaml")


class _Part(Spec):
    former: ClassVar[Mapping[str, str]] = {"batch": "batch_size"}

    batch_size: int = Field(8, gt=0)


class _File(Spec):
    part: _Part


def _parse(content: str) -> _File:
    return parse(content, FILE, _File, "study file", "part:")


def test_a_former_name_is_read_and_told() -> None:
    with pytest.warns(FormerName, match="`batch` is now called `batch_size`"):
        assert _parse("part:\n  batch: 4").part.batch_size == 4


def test_todays_name_is_read_without_a_word() -> None:
    assert _parse("part:\n  batch_size: 4").part.batch_size == 4


def test_stored_data_with_a_former_name_is_read() -> None:
    assert _Part.model_validate({"batch": 4}) == _Part(batch_size=4)


def test_a_fault_is_told_on_the_line_of_the_former_name() -> None:
    with pytest.raises(FileError) as caught:
        _parse("part:\n\n  batch: 0")
    (fault,) = caught.value.faults
    assert (fault.line, fault.code) == (3, "greater-than")


def test_truth_values_are_refused_under_a_former_name() -> None:
    with pytest.raises(FileError) as caught:
        _parse("part:\n  batch: true")
    assert caught.value.faults[0].code == "truth-value"


def test_both_names_at_once_are_refused() -> None:
    with pytest.raises(FileError) as caught:
        _parse("part:\n  batch: 4\n  batch_size: 4")
    assert caught.value.faults[0].code == "field-twice"


def test_a_former_name_in_one_section_moves_no_fault_of_another() -> None:
    class _Two(Spec):
        one: _Part
        two: _Part

    with pytest.raises(FileError) as caught:
        parse("one:\n  batch_size: 0\ntwo:\n  batch: 4", FILE, _Two, "study file", "one:")
    assert (caught.value.line, caught.value.field) == (2, "one.batch_size")
