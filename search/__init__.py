"""Which trial comes next, and which are stopped: Optuna inside Ray Tune, with the database as the only truth."""

from __future__ import annotations
