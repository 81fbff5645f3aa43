"""A Ray for many tests: one that starts its own waits ten seconds for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

PROCESSORS = 8
"""As Ray counts them, whatever this machine has: two drivers with their workers, and more than any test asks for."""


@contextmanager
def ray_started(processors: int = PROCESSORS) -> Iterator[str]:
    """A Ray on this machine; its address, for RayRunner or RAY_ADDRESS.

    What a test must not do to it: kill it, or leave `workers` to it, which fills all of its processors.
    """
    from ray.cluster_utils import Cluster

    quick = {"prestart_worker_first_driver": False}  # workers with another environment than a trial's are of no use
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": processors, "include_dashboard": False, "_system_config": quick},
    )
    try:
        yield str(made.address)
    finally:
        made.shutdown()
