"""Idle cores, lent to an image that is large enough to be processed in parts.

An image is processed by one thread. Where others wait for a core, that gives the most images a
second; where nobody waits, the other cores do nothing. So parts of an image that don't depend on
one another, such as bands of rows, go to idle cores too, and so does what is needed only later. A
core is lent for one part at a time: when another image arrives, it gets its core back after some
milliseconds.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from cutout.system.cores import usable_cores

MAX_LENT = 15
"""Cores that are lent at the same time, at most; an image of 50 megapixels has about as many large
parts."""

Part = TypeVar("Part")
Result = TypeVar("Result")


class IdleCores:
    """The cores of this process: those that process an image, those lent, and those idle.

    `cores` is their number. The threads are started when they are first needed.
    """

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._reset()
        os.register_at_fork(after_in_child=self._reset)  # a child has none of the threads

    def _reset(self) -> None:
        self._images = self._lent = 0
        # New too: one that a thread held at the fork would never be released in the child.
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(MAX_LENT, thread_name_prefix="idle")

    @contextmanager
    def occupying_one(self) -> Iterator[None]:
        """Count this thread's core as used, for an image, during the block."""
        with self._lock:
            self._images += 1
        try:
            yield
        finally:
            with self._lock:
                self._images -= 1

    def each(self, work: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
        """Call `work` on every part, in this thread and on idle cores; return the results in order.

        Raises what `work` raises, once no thread works on a part any more.
        """
        numbered = list(enumerate(parts))
        left = iter(numbered)
        taking = threading.Lock()
        results: dict[int, Result] = {}

        def take(lent: bool) -> None:
            while not (lent and self._is_wanted_back()):
                with taking:
                    entry = next(left, None)
                if entry is None:
                    return
                results[entry[0]] = work(entry[1])

        # One less than there are parts, as this thread takes one; it stays until none is left.
        lent = self._lend(len(numbered) - 1)
        helpers = [self._borrow(lambda: take(lent=True)) for _ in range(lent)]
        try:
            take(lent=False)
        finally:
            # `exception` waits, so that no thread still writes into an array when this returns.
            failures = [helper.exception() for helper in helpers]
        for failure in filter(None, failures):
            raise failure
        return [results[number] for number, _ in numbered]

    def ahead(self, work: Callable[[], Result]) -> Callable[[], Result] | None:
        """Start work that does not depend on what this thread does next, on an idle core.

        Returns a function that waits for its result, and raises what it raised. None where no core
        is idle: done by this thread, it would only be earlier, and may turn out not to be needed.
        """
        return self._borrow(work).result if self._lend(1) else None

    def _borrow(self, work: Callable[[], Result]) -> "Future[Result]":
        """Do `work` on a core that was lent, and give the core back."""

        def borrowed() -> Result:
            try:
                return work()
            finally:
                with self._lock:
                    self._lent -= 1

        return self._pool.submit(borrowed)

    def _lend(self, most: int) -> int:
        with self._lock:
            # At least one image: this one, also where a caller does not count it.
            idle = min(self.cores, MAX_LENT + 1) - max(1, self._images) - self._lent
            lent = max(0, min(most, idle))
            self._lent += lent
            return lent

    def _is_wanted_back(self) -> bool:
        with self._lock:
            return self._images + self._lent > self.cores


idle_cores = IdleCores(usable_cores())
"""The cores of this process; a worker process lowers `cores` to its share of the machine."""
