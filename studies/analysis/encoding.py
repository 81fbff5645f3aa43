"""Numeric encoding of trial settings, for regressions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search.storage.records import TrialRecord
from spaces.dimensions.texts import PREFIX

_WIDE = 8.0
"""Positive settings that span more than this factor are encoded by their logarithms."""


def settings_of(records: Sequence[TrialRecord]) -> NDArray[np.float64]:
    """Return the hyperparameters that differ between trials, standardized, shape (trials, columns).

    A number is one column, on a logarithmic scale if its values span more than a factor of eight. A categorical
    setting has an indicator column for every value but the first. A missing value is replaced by the column's mean.
    """
    names = sorted({name for record in records for name in record.params if not name.startswith(PREFIX)})
    columns = [column for name in names for column in _columns([record.params.get(name) for record in records])]
    return np.array([column / column.std() for column in columns]).reshape(len(columns), len(records)).T


def _columns(values: Sequence[object]) -> list[NDArray[np.float64]]:
    """Return the numeric columns of one setting; none if its values do not differ."""
    present = [value for value in values if value is not None]
    categories = sorted(set(map(str, present)))
    if len(categories) < 2:
        return []
    if all(isinstance(value, int | float) for value in present):
        return [_centered([float(value) if isinstance(value, int | float) else math.nan for value in values])]
    return [_centered([float(str(v) == c) if v is not None else math.nan for v in values]) for c in categories[1:]]


def _centered(values: Sequence[float]) -> NDArray[np.float64]:
    column = np.array(values)
    if np.nanmin(column) > 0 and np.nanmax(column) > _WIDE * np.nanmin(column):
        column = np.log(column)
    return np.asarray(np.nan_to_num(column - np.nanmean(column)))
