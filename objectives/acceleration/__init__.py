"""Ways to make trials faster that change no score; each can be switched off."""

from __future__ import annotations
