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
from typing import Any, TypeVar

from cutout.errors import CutoutError, Overloaded, TooSlow
from cutout.imaging.header import sniff
from cutout.system.clock import Clock

log = logging.getLogger("cutout")

T = TypeVar("T")
HUNG = 70  # exit status of a process with a thread that doesn't come back (EX_SOFTWARE of sysexits.h)
PATIENCE = 60.0  # seconds that a thread has to come back once nobody waits for its work
CHECK_SECONDS = 0.1  # how often work that waits for room looks whether anybody still waits for it


class Room:
    """Room for so many pixels at once, and with it for so much memory. First come, first served.

    A picture's pixels are those of its header. One that is refused for more than `largest` takes no room, and neither
    does a file that is no picture; one with more pixels than there is room for has it for itself.
    """

    def __init__(self, pixels: int, largest: int) -> None:
        self.pixels, self.largest = pixels, largest
        self._free, self._line, self._changed = pixels, deque[object](), threading.Condition()

    @contextmanager
    def hold(self, uploads: tuple[bytes, ...], clock: Clock) -> Iterator[None]:
        """Wait for room for all of these uploads, and keep it. Raises TooSlow or Abandoned when that takes too long."""
        wanted = min(self.pixels, sum(map(self._weight, uploads)))
        self._take(wanted, clock)
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()

    def _take(self, wanted: int, clock: Clock) -> None:
        place = object()
        with self._changed:
            self._line.append(place)
            try:
                while self._line[0] is not place or self._free < wanted:
                    clock.check()
                    self._changed.wait(CHECK_SECONDS)
                self._free -= wanted
            finally:
                self._line.remove(place)
                self._changed.notify_all()

    def _weight(self, upload: bytes) -> int:
        try:
            header = sniff(upload)
        except CutoutError:
            return 0
        pixels = header.width * header.height
        return pixels if pixels <= self.largest else 0


class Workers:
    """Threads for the work on pictures, apart from AnyIO's pool, which uploads share.

    Code that hangs, a decoder's say, would keep its thread for ever, and soon there were none left. So the process
    ends with HUNG where a thread has not come back `patience` seconds after its work was given up: whoever started
    the process starts another.
    """

    def __init__(self, threads: int, queue: int, room: Room, patience: float = PATIENCE) -> None:
        self.threads, self.permits, self.room, self.patience = threads, threads + queue, room, patience
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

    async def run(self, work: Callable[[Clock], T], clock: Clock, *uploads: bytes) -> T:
        """`work(clock)` in a thread, once there is room for the uploads that it decodes; its wait is the stage `queue`.

        Raises TooSlow once the clock's deadline has passed. Work that has not started is dropped then; work in a
        thread can't be interrupted and ends before its next stage. Its thread is not given to anybody else meanwhile.
        """
        future = self._pool.submit(self._in_turn, work, clock, uploads, time.perf_counter_ns())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), clock.remaining())
        except TimeoutError:
            raise TooSlow("the request took longer than this server allows") from None
        finally:
            clock.abandon()
            if not future.done():
                asyncio.get_running_loop().call_later(self.patience, _end_if_hung, weakref.ref(future))

    async def close(self) -> None:
        """Let the threads finish what they work on."""
        await asyncio.get_running_loop().run_in_executor(None, functools.partial(self._pool.shutdown, wait=True))

    def _in_turn(self, work: Callable[[Clock], T], clock: Clock, uploads: tuple[bytes, ...], submitted: int) -> T:
        with self.room.hold(uploads, clock):
            clock.add("queue", submitted)
            return work(clock)


def _end_if_hung(work: "weakref.ref[Future[Any]]") -> None:
    """End the process unless that work is done. A weak reference: nothing that nobody waits for is kept for it."""
    future = work()
    if future is not None and not future.done():
        log.critical("a picture has been worked on long after it was given up: this process ends, to be replaced")
        os._exit(HUNG)
