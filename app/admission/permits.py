"""Permits: how many requests may be in the service at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from cutout.errors import Overloaded


class Permits:
    """A fixed number of permits, for one event loop: `hold` takes its permit before any await."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a permit during the block. Raises Overloaded if all are taken; never waits."""
        if self.taken >= self.total:
            raise Overloaded(
                f"overloaded: all {self.total} permits are taken (CUTOUT_THREADS + CUTOUT_QUEUE); "
                "retry in 1 s"
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1
