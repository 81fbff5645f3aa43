"""Names of texts that a spreadsheet would compute."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from studies.report.spreadsheets import write_csv


@pytest.mark.parametrize("name", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1"])
def test_text_that_would_be_computed_is_quoted(tmp_path: Path, name: str) -> None:
    write_csv(pd.DataFrame({"text": [name, "plain"], "effect": [-0.5, 0.25], "trials": [3, 4]}), tmp_path / "t.csv")
    read = pd.read_csv(tmp_path / "t.csv")
    assert list(read["text"]) == [f"'{name}", "plain"]
    assert list(read["effect"]) == [-0.5, 0.25]
    assert read["trials"].dtype == int
