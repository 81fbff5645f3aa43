"""Reports of a study's results: HTML page, figures, tables, notebook, and sentences for the terminal."""

from __future__ import annotations
