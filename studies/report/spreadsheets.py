"""CSV files that are safe to open in a spreadsheet: a text called `=1+1` is not treated as a formula."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""First characters of cells that spreadsheets evaluate (https://owasp.org/www-community/attacks/CSV_Injection)."""


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table; text that a spreadsheet would evaluate is prefixed with an apostrophe, numbers are unchanged."""
    table.map(_quoted).to_csv(path, index=False)


def _quoted(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell
