"""Timing of one request by stages, and its deadline."""

import time
from types import TracebackType

from cutout.errors import Abandoned, TooSlow


class Clock:
    """The stages of one request and their times; stops work that is late or abandoned.

    `limit` is the time allowed from now on, in seconds; None for no limit. `pixels` is the size of
    the decoded upload. `spans` are the stages in the order in which they ended: name, start and end
    in nanoseconds of `time.perf_counter_ns()`.
    """

    def __init__(self, limit: float | None = None) -> None:
        self.limit = limit
        self.deadline = None if limit is None else time.monotonic() + limit
        self.spans: list[tuple[str, int, int]] = []
        self.pixels = 0
        # Set by another thread than the one that works; a single assignment needs no lock.
        self.abandoned = False

    def stage(self, name: str) -> "Stage":
        """Add the time of the block to stage `name`.

        Raises TooSlow or Abandoned, without running the block, if the request is late or abandoned.
        """
        return Stage(self, name)

    def add(self, name: str, started: int) -> None:
        """Record a stage that ends now; `started` is its start, of `time.perf_counter_ns()`."""
        self.spans.append((name, started, time.perf_counter_ns()))

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of each stage so far, in the order in which they first ended."""
        seconds: dict[str, float] = {}
        for name, started, ended in self.spans.copy():  # a thread may still add to them
            seconds[name] = seconds.get(name, 0.0) + 1e-9 * (ended - started)
        return seconds

    def abandon(self) -> None:
        """Stop the work before its next stage, as the client has disconnected."""
        self.abandoned = True

    def check(self) -> None:
        """Raise Abandoned if the client has disconnected, and TooSlow after the deadline."""
        if self.abandoned:
            raise Abandoned("the client disconnected")
        if self.deadline is not None and time.monotonic() > self.deadline:
            raise self.too_slow()

    def too_slow(self) -> TooSlow:
        """Make the error for a request that is late."""
        limit = f"{self.limit:g} s (CUTOUT_DEADLINE_SECONDS)"
        return TooSlow(f"the request took longer than {limit}; retry, or send a smaller image")

    def remaining(self) -> float | None:
        """Return the seconds until the deadline, at least 0; None if there is no limit."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def server_timing(self) -> str:
        """Write the stages as a `Server-Timing` header, in milliseconds (W3C Server Timing)."""
        return ", ".join(
            f"{name};dur={1000 * seconds:.2f}" for name, seconds in self.seconds.items()
        )


class Stage:
    """The context manager of `Clock.stage`; as a class it takes a fifth of a generator's time."""

    __slots__ = ("_clock", "_name", "_started")

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._name = name

    def __enter__(self) -> None:
        self._clock.check()
        self._started = time.perf_counter_ns()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._clock.add(self._name, self._started)
