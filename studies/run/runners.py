"""Creation of the runner that a study file configures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from studies.spec import StudySpec

if TYPE_CHECKING:
    from search.ray.runner import RayRunner


def ray_runner(spec: StudySpec, device: str, scratch: Path) -> RayRunner:
    """Return the Ray runner of a study's trials, with the devices that they need."""
    import objectives
    import search
    import spaces
    import studies
    from search.ray.runner import RayRunner

    gpus = spec.search.gpus
    if gpus is None:
        gpus = 1.0 if device == "cuda" else 0.0
    return RayRunner(
        scratch,
        spec.search.workers,
        spec.search.cpus,
        gpus,
        spec.search.ray.address or os.environ.get("RAY_ADDRESS"),
        packages=(search, objectives, spaces, studies),
    )
