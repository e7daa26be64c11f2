"""The number of cores that this process may use, by affinity mask and the quotas of cgroups."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

from cutout.system.cgroups import CGROUPS, OWN, groups, read


def usable_cores(cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """Return the number of whole cores that this process may use, at least 1.

    A quota of 1.5 cores counts as 1: a second thread would be throttled.
    """
    cores = len(os.sched_getaffinity(0))
    quotas = [quota for folder in groups("cpu", cgroups, own) for quota in _quota(folder)]
    return max(1, min([cores, *map(math.floor, quotas)]))


def _quota(group: Path) -> Iterator[float]:
    """Yield the CPU quota of a cgroup in cores, from v2 (`cpu.max`) or v1; nothing if unlimited."""
    quota, period = (*read(group / "cpu.max").split(), "", "")[:2]
    if not quota:
        quota = read(group / "cpu.cfs_quota_us")
        period = read(group / "cpu.cfs_period_us")
    # No quota is `max` in v2 and -1 in v1; neither is decimal digits.
    if quota.isdecimal() and period.isdecimal() and int(period) > 0:
        yield int(quota) / int(period)
