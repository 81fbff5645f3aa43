"""Tables as CSV files that a spreadsheet may open: a text called `=1+1` is no formula."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a cell that spreadsheets compute (https://owasp.org/www-community/attacks/CSV_Injection)."""


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table; text that a spreadsheet would compute stands after an apostrophe, numbers stay as they are."""
    table.map(_quoted).to_csv(path, index=False)


def _quoted(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULAS) else cell
