"""Creation of the runner that a study file configures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from search.runner import LocalRunner
from spaces import InputError
from studies.run.checks import check_machine
from studies.run.execution import MakeRunner
from studies.spec import StudySpec

if TYPE_CHECKING:
    from search.ray.runner import RayRunner
    from studies.run.launch import Ready


def runner_of(backend: str, ready: Ready) -> MakeRunner:
    """Function that makes the runner of a study's trials.

    Args:
        backend: `ray`, or `local` for one trial after the other in this process.
        ready: the study, checked.

    Raises:
        InputError: there is no such backend; or a new study's trials do not fit this machine, and its name is free
            again.
    """
    if backend == "local":
        return lambda spec, scratch: LocalRunner()
    if backend != "ray":
        raise InputError(f"backend must be 'ray' or 'local'; got {backend!r}.", code="option-unknown")
    if ready.new and ready.spec.search.ray.address is None and "RAY_ADDRESS" not in os.environ:
        try:
            check_machine(ready.spec)
        except InputError:
            ready.store.forget(ready.spec.name)
            raise
    return lambda spec, scratch: ray_runner(spec, ready.prepared.device, scratch)


def ray_runner(spec: StudySpec, device: str, scratch: Path) -> RayRunner:
    """Return the Ray runner of a study's trials, with the devices that they need."""
    import mixtune
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
        packages=(mixtune, search, objectives, spaces, studies),
    )
