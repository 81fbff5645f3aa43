"""Number of processors that this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def processors(cgroup: Path = _CGROUP) -> float:
    """Return the number of processors that this process may use, limited by its CPU affinity and its container.

    Args:
        cgroup: folder with the limits of control groups, version 2 or 1.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(float(affinity), _quota(cgroup)), 0.01)


def _quota(cgroup: Path) -> float:
    """Return the CPU quota as a number of processors; infinite if there is no limit."""
    first, second = cgroup / "cpu.max", cgroup / "cpu" / "cpu.cfs_quota_us"
    if first.is_file():
        quota, period = first.read_text().split()[:2]
    elif second.is_file():
        quota, period = second.read_text(), (second.with_name("cpu.cfs_period_us")).read_text()
    else:
        return math.inf
    limited = quota.strip() not in ("max", "-1")
    return int(quota) / int(period) if limited else math.inf
