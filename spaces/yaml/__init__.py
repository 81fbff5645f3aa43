"""Study files as YAML: strict types, and errors that name the line."""

from __future__ import annotations
