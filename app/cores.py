"""How many cores this process may really use: the scheduler's mask and the container's quota, whichever is less."""

import math
import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = CGROUPS) -> int:
    """Whole cores, at least 1. A quota of 1.5 cores counts as 1: a thread more would only be throttled."""
    cores = len(os.sched_getaffinity(0))
    quota = _quota(cgroups)
    return max(1, min(cores, cores if quota is None else math.floor(quota)))


def _quota(cgroups: Path) -> float | None:
    """The container's CPU quota in cores, from cgroup v2 (`cpu.max`) or v1; None where there is no limit."""
    unified = _read(cgroups / "cpu.max").split()
    if len(unified) == 2 and unified[0].isdecimal():
        return int(unified[0]) / int(unified[1])
    quota = _read(cgroups / "cpu" / "cpu.cfs_quota_us")
    period = _read(cgroups / "cpu" / "cpu.cfs_period_us")
    if quota.isdecimal() and period.isdecimal() and int(period) > 0:
        return int(quota) / int(period)
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
