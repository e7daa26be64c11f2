"""Where the time of one request goes, and when it has run out."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Abandoned, TooSlow


class Clock:
    """Times the stages of one request. Each stage is also where work that nobody waits for any more stops.

    `deadline` is a `time.monotonic()` moment, or None for no limit. `pixels` is the size of the decoded upload. `spans`
    are the stages one by one: name, start and end in nanoseconds since 1970.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.deadline = deadline
        self.seconds: dict[str, float] = {}
        self.spans: list[tuple[str, int, int]] = []
        self.pixels = 0
        self._abandoned = threading.Event()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to stage `name`. Raises TooSlow or Abandoned instead of starting it in vain."""
        self.check()
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """Note a stage that ends now."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        now = time.time_ns()
        self.spans.append((name, now - round(1e9 * seconds), now))

    def abandon(self) -> None:
        """Called when the client has gone: the work stops before its next stage."""
        self._abandoned.set()

    def check(self) -> None:
        if self._abandoned.is_set():
            raise Abandoned("the client has gone")
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise TooSlow("the request took longer than this server allows")

    def remaining(self) -> float | None:
        """Seconds until the deadline, at least 0."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def server_timing(self) -> str:
        """The stages as a `Server-Timing` header, milliseconds (W3C Server Timing)."""
        return ", ".join(f"{name};dur={1000 * seconds:.2f}" for name, seconds in self.seconds.items())
