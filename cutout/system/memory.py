"""The memory that this process may use, by the machine's size and the limits of its cgroups."""

import os
from pathlib import Path

from cutout.system.cgroups import CGROUPS, OWN, groups, read

FILES = ("memory.max", "memory.limit_in_bytes")  # of cgroup v2 and v1


def usable_memory(cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """Return how many bytes this process may use, together with others in its cgroups."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    folders = groups("memory", cgroups, own)
    limits = [read(folder / name) for folder in folders for name in FILES]
    # v2 writes `max` where there is no limit, v1 a number above any machine's memory.
    return min([machine, *(int(limit) for limit in limits if limit.isdecimal())])
