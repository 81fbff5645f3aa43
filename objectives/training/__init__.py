"""Training an adapter on a mix: data order, adapter, loop, what is written to disk."""

from __future__ import annotations
