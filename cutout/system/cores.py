"""How many cores this process may really use: the scheduler's mask, and the quotas of its control groups.

A container sees its own group as the root. A systemd unit (CPUQuota=) or a container that shares the machine's
namespace does not: its group is the one that /proc/self/cgroup names, and the quotas of the groups above it hold too.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def usable_cores(cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """Whole cores, at least 1. A quota of 1.5 cores counts as 1: a thread more would only be throttled."""
    cores = len(os.sched_getaffinity(0))
    quotas = [quota for folder in _folders(cgroups, own) for quota in _quota(folder)]
    return max(1, min([cores, *map(math.floor, quotas)]))


def _folders(cgroups: Path, own: Path) -> Iterator[Path]:
    """The control groups that this process is in, of cgroup v2 and of v1's `cpu`, and those above them (cgroups(7))."""
    yield from (cgroups, cgroups / "cpu")
    for line in _read(own).splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers or "cpu" in controllers.split(","):
            root = cgroups / "cpu" if controllers else cgroups
            parts = [part for part in path.split("/") if part]
            yield from (root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1))


def _quota(group: Path) -> Iterator[float]:
    """A group's CPU quota in cores, from cgroup v2 (`cpu.max`) or v1; nothing where it has no limit."""
    quota, period = (*_read(group / "cpu.max").split(), "", "")[:2]
    if not quota:
        quota, period = _read(group / "cpu.cfs_quota_us"), _read(group / "cpu.cfs_period_us")
    if quota.isdecimal() and period.isdecimal() and int(period) > 0:
        yield int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
