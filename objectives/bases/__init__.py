"""Base models: their sources, their identity and their layers."""

from __future__ import annotations

from collections.abc import Mapping

BASES: Mapping[str, str] = {
    "tiny": "objectives.bases.tiny:TinyBase",
    "hub": "objectives.bases.hub:HubBase",
}
"""Source of a base model, mapped to its class; any other base is a folder or a name on the hub."""
