"""Control groups of this process, in whose files the limits of its container are written.

A container sees its own group as the root. A systemd unit (CPUQuota=, MemoryMax=) or a container
that shares the machine's namespace does not: its group is the one that /proc/self/cgroup names, and
the limits of the groups above it hold too.
"""

from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


def groups(controller: str, cgroups: Path = CGROUPS, own: Path = OWN) -> Iterator[Path]:
    """Yield the directories of the process's groups and of those above them (cgroups(7)).

    Both of cgroup v2 and of the given controller of v1.
    """
    yield from (cgroups, cgroups / controller)
    for line in read(own).splitlines():
        # hierarchy:controllers:path; of cgroup v2, the controllers are empty (cgroups(7)).
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers or controller in controllers.split(","):
            root = cgroups / controller if controllers else cgroups
            parts = [part for part in path.split("/") if part]
            yield from (root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1))


def read(path: Path) -> str:
    """Return the text of a file; empty if it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
