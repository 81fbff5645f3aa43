"""A study's answer on paper: one HTML page, figures, tables, a notebook, and sentences for the terminal."""

from __future__ import annotations
