"""The answer on paper: one HTML page, figures, tables and a notebook."""

from __future__ import annotations

from studies.report.page import PAGE, write_report

__all__ = ["PAGE", "write_report"]
