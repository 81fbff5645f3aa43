"""The kind `heldout`: bits per byte of text that no trial trains on."""

from __future__ import annotations
