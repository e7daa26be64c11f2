"""Who may work, and where: a permit taken before the first await, then a thread of our own.

Two limits. *Admitted* requests hold a permit, from before their body is read until their answer is sent; there are
`threads + queue` permits, and whoever finds none gets 429 at once. Of the admitted, `threads` are worked on at a time.
"""

import asyncio
import functools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from app.clock import Clock
from app.errors import Overloaded, TooSlow

T = TypeVar("T")


class Workers:
    """Threads for the work on pictures, apart from AnyIO's pool, which uploads share."""

    def __init__(self, threads: int, queue: int) -> None:
        self.threads, self.permits = threads, threads + queue
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

    async def run(self, work: Callable[[Clock], T], clock: Clock) -> T:
        """`work(clock)` in a thread; its wait is the stage `queue`.

        Raises TooSlow once the clock's deadline has passed. Work that has not started is dropped then; work in a
        thread can't be interrupted and ends before its next stage. Its thread is not given to anybody else meanwhile.
        """
        future = self._pool.submit(_timed, work, clock, time.perf_counter())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), clock.remaining())
        except TimeoutError:
            raise TooSlow("the request took longer than this server allows") from None
        finally:
            clock.abandon()

    async def close(self) -> None:
        """Let the threads finish what they work on."""
        await asyncio.get_running_loop().run_in_executor(None, functools.partial(self._pool.shutdown, wait=True))


def _timed(work: Callable[[Clock], T], clock: Clock, submitted: float) -> T:
    clock.add("queue", time.perf_counter() - submitted)
    return work(clock)
