"""Who may work, and where: a permit taken before the first await, then a thread of our own.

Three limits. *Admitted* requests hold a permit, from before their body is read until their answer is sent; there are
`threads + queue` permits, and whoever finds none gets 429 at once. Of the admitted, `threads` are worked on at a time,
and only as many of those as have together no more pixels than there is room for.
"""

import asyncio
import functools
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cutout.errors import Overloaded, TooSlow
from cutout.system.clock import Clock

log = logging.getLogger("cutout")

T = TypeVar("T")
HUNG = (
    70  # exit status of a process with a thread that doesn't come back (EX_SOFTWARE of sysexits.h)
)
PATIENCE = 60.0  # seconds that a thread has to come back once nobody waits for its work
CHECK_SECONDS = 0.1  # how often work that waits for room looks whether anybody still waits for it


@dataclass(frozen=True)
class Job(Generic[T]):
    """Work on images, and how many pixels they have together."""

    pixels: int
    work: Callable[[Clock], T]


class Room:
    """Room for a number of pixels at once, and with it for so much memory. First come, first served.

    A job with more pixels than there is room for waits until it has all of it for itself.
    """

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels
        self._free = pixels
        self._line = deque[object]()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int, clock: Clock) -> Iterator[None]:
        """Wait for room for that many pixels, and keep it. Raises TooSlow or Abandoned."""
        wanted = min(self.pixels, pixels)
        self._take(wanted, clock)
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()

    def _take(self, wanted: int, clock: Clock) -> None:
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            try:
                while self._line[0] is not ticket or self._free < wanted:
                    clock.check()
                    self._changed.wait(CHECK_SECONDS)
                self._free -= wanted
            finally:
                self._line.remove(ticket)
                self._changed.notify_all()


class Workers:
    """Threads for the work on pictures, apart from AnyIO's pool, which uploads share.

    Code that hangs, a decoder's say, would keep its thread for ever, and soon there were none left. So the process
    ends with HUNG where a thread has not come back `patience` seconds after its work was given up: whoever started
    the process starts another.
    """

    def __init__(self, threads: int, queue: int, room: Room, patience: float = PATIENCE) -> None:
        self.threads, self.permits, self.room, self.patience = (
            threads,
            threads + queue,
            room,
            patience,
        )
        self.admitted = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="picture")

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a permit. Raises Overloaded when all are taken; never waits."""
        if self.admitted >= self.permits:
            raise Overloaded(f"all {self.permits} places are taken; try again shortly")
        self.admitted += 1
        try:
            yield
        finally:
            self.admitted -= 1

    async def run(self, prepare: Callable[[], Job[T]], clock: Clock) -> T:
        """Prepare a job in a thread and, once there is room for its pixels, do its work.

        `prepare` reads the headers of the images, and may raise ClientError. The wait for a thread
        and for room is the stage `queue`. Raises TooSlow once the clock's deadline has passed: work
        that has not started is dropped then; work in a thread cannot be interrupted, ends before
        its next stage, and keeps its thread until then.
        """
        future = self._pool.submit(self._in_turn, prepare, clock, time.perf_counter_ns())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), clock.remaining())
        except TimeoutError:
            raise TooSlow("the request took longer than this server allows") from None
        finally:
            clock.abandon()
            if not future.done():
                asyncio.get_running_loop().call_later(
                    self.patience, _end_if_hung, weakref.ref(future)
                )

    async def close(self) -> None:
        """Let the threads finish what they work on."""
        await asyncio.get_running_loop().run_in_executor(
            None, functools.partial(self._pool.shutdown, wait=True)
        )

    def _in_turn(self, prepare: Callable[[], Job[T]], clock: Clock, submitted: int) -> T:
        clock.check()
        job = prepare()
        with self.room.hold(job.pixels, clock):
            clock.add("queue", submitted)
            return job.work(clock)


def _end_if_hung(work: "weakref.ref[Future[Any]]") -> None:
    """End the process unless that work is done. A weak reference: nothing that nobody waits for is kept for it."""
    future = work()
    if future is not None and not future.done():
        log.critical(
            "a picture has been worked on long after it was given up: this process ends, to be replaced"
        )
        os._exit(HUNG)
