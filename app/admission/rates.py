"""How often a caller may call."""

import time
from collections.abc import Callable

from cutout.errors import RateLimited

MOST_CALLERS = 100_000


class RateLimit:
    """The generic cell rate algorithm (ITU-T I.371): `per_minute` requests at once, and so many a minute in the end.

    One number a caller: the moment at which all its requests so far are paid for, at a steady rate.
    """

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self.step, self.burst, self._now = 60 / per_minute, 60.0, now
        self._paid: dict[str, float] = {}

    def check(self, caller: str) -> None:
        """Count a request. Raises RateLimited, and does not count it, where the caller has had too many."""
        now = self._now()
        paid = max(self._paid.get(caller, now), now) + self.step
        if paid - now > self.burst + self.step / 2:  # half a step, as sums of floats are not exact
            wait = paid - now - self.burst
            raise RateLimited(f"too many requests; the next is welcome in {wait:.1f} seconds", wait)
        if len(self._paid) >= MOST_CALLERS:
            self._forget(now)
        self._paid[caller] = paid

    def _forget(self, now: float) -> None:
        """Those who have paid for everything; where nobody has, all of them: memory has a limit too."""
        self._paid = {caller: paid for caller, paid in self._paid.items() if paid > now}
        if len(self._paid) >= MOST_CALLERS:
            self._paid.clear()
