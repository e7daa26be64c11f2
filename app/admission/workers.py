"""Permits, threads and room together: what routes need to have images processed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from cutout.system.clock import Clock
from cutout.system.shortage import explained

from .permits import Permits
from .room import Room
from .threads import PATIENCE, Threads

T = TypeVar("T")


@dataclass(frozen=True)
class Job(Generic[T]):
    """Work on images, and how many pixels they have together."""

    pixels: int
    work: Callable[[Clock], T]


class Workers:
    """The worker threads of this process, with their permits and their room.

    `threads` jobs run at the same time, as far as there is room; `queue` more requests may wait.
    """

    def __init__(self, threads: int, queue: int, room: Room, patience: float = PATIENCE) -> None:
        self.permits = Permits(threads + queue)
        self.threads = Threads(threads, patience)
        self.room = room

    async def run(self, prepare: Callable[[], Job[T]], clock: Clock) -> T:
        """Prepare a job in a thread and, once there is room for its pixels, do its work.

        `prepare` reads the headers of the images. The wait for a thread and for room is the stage
        `queue`. Raises what `prepare` and the work raise, TooSlow after the deadline, Abandoned
        where the client disconnects, and OutOfMemory where memory is short.
        """
        submitted = time.perf_counter_ns()
        return await self.threads.run(partial(self._in_thread, prepare, clock, submitted), clock)

    async def close(self) -> None:
        """Wait until the threads have finished their work."""
        await self.threads.close()

    def _in_thread(self, prepare: Callable[[], Job[T]], clock: Clock, submitted: int) -> T:
        clock.check()
        with explained():
            # Without room: an upload that its header rules out waits for none.
            job = prepare()
            with self.room.hold(job.pixels, clock):
                clock.add("queue", submitted)
                return job.work(clock)
