"""Storage of studies: create, find and load them in databases and folders."""

from __future__ import annotations
