"""A limit on slow readers: how long a client may take to receive a response.

uvicorn has no such limit: it keeps a response, and the application waiting to send it, for as long
as the client keeps the connection open. A reader that is too slow is cut off.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable

from .limits import Limits
from .timer import Timer


class SlowReader:
    """Time limits while the write buffer is full: for one chunk, and for the whole response."""

    def __init__(
        self, loop: AbstractEventLoop, limits: Limits, on_timeout: Callable[[], None]
    ) -> None:
        self._now = loop.time
        self._limits = limits
        self._timer = Timer(loop, on_timeout)
        self._response_ends: float | None = None  # set once the reader lags, for the response

    def buffer_full(self) -> None:
        """Start the time for one chunk, or what is left of the response's own time."""
        now = self._now()
        # Once for a response: reading a little now and then buys no more time for all of it.
        if self._response_ends is None:
            self._response_ends = now + self._limits.response_seconds
        self._timer.start(min(self._limits.chunk_seconds, self._response_ends - now))

    def buffer_low(self, closing: bool, responding: bool) -> None:
        """Note that the reader has caught up. A connection that is closing keeps its time limit."""
        if not closing:
            self._timer.stop()
        if not responding:
            self._response_ends = None

    def response_written(self) -> None:
        """Note that the response is in the write buffer, if not yet sent."""
        if not self._timer.running:
            self._response_ends = None

    def closing_unsent(self) -> None:
        """Note that the connection is being closed, and its write buffer is not empty."""
        self._timer.start(self._limits.chunk_seconds)

    def stop(self) -> None:
        """Stop the time."""
        self._timer.stop()
