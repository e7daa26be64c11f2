"""Results in order of work in several threads: a stage of a pipeline of generators."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    pool: Executor, work: Callable[[T], R], items: Iterable[T], ahead: int
) -> Generator[R]:
    """Yield `work(item)` for each item, in order; up to `ahead` items are in progress meanwhile.

    Items are taken only as fast as results are, so that no more than that are in memory. Raises
    what `work` raises.
    """
    waiting = deque[Future[R]]()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Work in progress goes on: who closes the pool waits for it.
        for future in waiting:
            future.cancel()
