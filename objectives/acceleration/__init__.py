"""What makes trials faster and changes no score; each part can be switched off."""

from __future__ import annotations
