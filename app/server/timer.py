"""One timer of the event loop that can be restarted."""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable


class Timer:
    """A timer that calls `action` once after `start(seconds)`, unless stopped or restarted."""

    def __init__(self, loop: AbstractEventLoop, action: Callable[[], None]) -> None:
        self._loop = loop
        self._action = action
        self._handle: TimerHandle | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped; true after it fired, too."""
        return self._handle is not None

    def start(self, seconds: float) -> None:
        """Start, or start again from now."""
        self.stop()
        self._handle = self._loop.call_later(seconds, self._action)

    def stop(self) -> None:
        """Stop; does nothing if it is not running."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
