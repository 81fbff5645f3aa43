"""Search: which trial runs next, and which are pruned. Optuna inside Ray Tune, with all state in the database."""

from __future__ import annotations
