"""Base models: where they come from and what they are made of."""

from __future__ import annotations

from collections.abc import Mapping

BASES: Mapping[str, str] = {
    "tiny": "objectives.bases.tiny:TinyBase",
    "hub": "objectives.bases.hub:HubBase",
}
"""Source of a base model to its class; a base that is not a row here is a folder or a name on the hub."""
