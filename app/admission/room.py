"""Room: how many pixels, and with them how much memory, are processed at once."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from cutout.system.clock import Clock

CHECK_SECONDS = 0.1  # how often a job that waits for room checks its deadline


class Room:
    """Room for a number of pixels, given to threads in the order in which they ask.

    A job with more pixels than there is room for waits until it has all of it for itself.
    """

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels
        self._free = pixels
        self._line = deque[object]()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int, clock: Clock) -> Iterator[None]:
        """Wait for room for that many pixels, and keep it during the block.

        Raises TooSlow where the deadline passes while it waits, and Abandoned where the client
        disconnects.
        """
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
                # In order even if a later job would fit, else small ones could keep a large one
                # waiting. Nothing notifies of a deadline, hence the limit on the wait.
                while self._line[0] is not ticket or self._free < wanted:
                    clock.check()
                    self._changed.wait(CHECK_SECONDS)
                self._free -= wanted
            finally:
                # After TooSlow and Abandoned too: the next in line may have room.
                self._line.remove(ticket)
                self._changed.notify_all()
