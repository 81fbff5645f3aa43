"""Studies in their databases and folders: made, found, read back."""

from __future__ import annotations
