"""The worker threads, a deadline for the work in them, and a watchdog for those that hang."""

import asyncio
import logging
import os
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from cutout.system.clock import Clock

HUNG = 70  # exit status of a process with a thread that hangs (EX_SOFTWARE of sysexits.h)
PATIENCE = 60.0  # seconds for a thread to return after its request has ended

log = logging.getLogger("cutout")

T = TypeVar("T")


class Threads:
    """A pool of threads for decoding, inference and encoding, which release the GIL.

    It is not AnyIO's pool, which starlette uses for files and which uploads would fill.

    Code that hangs, for instance in a decoder, keeps its thread for ever; in time, none would be
    left. Therefore the process exits with HUNG if a thread has not returned `patience` seconds
    after its request ended, and the supervisor starts another.
    """

    def __init__(self, count: int, patience: float = PATIENCE) -> None:
        self.count = count
        self.patience = patience
        self.executor = ThreadPoolExecutor(count, thread_name_prefix="worker")

    async def run(self, work: Callable[[], T], clock: Clock) -> T:
        """Run `work` in a thread, and return what it returns.

        Raises what `work` raises, and TooSlow when the clock's deadline passes. Then the clock is
        abandoned: work that has not started is dropped; work in a thread cannot be interrupted,
        ends before its next stage, and keeps its thread until then.
        """
        future = self.executor.submit(work)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), clock.remaining())
        except TimeoutError:
            raise clock.too_slow() from None
        finally:
            # After success too: `_unless_disconnected` then cancels no more.
            clock.abandon()
            if not future.done():  # one that was cancelled is done: this one is in a thread
                loop = asyncio.get_running_loop()
                loop.call_later(self.patience, _exit_if_hung, weakref.ref(future), self.patience)

    async def close(self) -> None:
        """Wait until the threads have finished their work."""
        await asyncio.to_thread(self.executor.shutdown, wait=True)


def _exit_if_hung(work: "weakref.ref[Future[Any]]", patience: float) -> None:
    """Exit the process unless the work is done; a weak reference, so as not to keep its result."""
    future = work()
    if future is not None and not future.done():
        log.critical("worker thread hung, exiting", extra={"seconds_after_request": patience})
        os._exit(HUNG)  # sys.exit would wait for the pool's threads, this one included
