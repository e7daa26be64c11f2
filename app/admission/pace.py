"""Rate-limits refusals, so that retry storms cannot starve the requests that were admitted."""

import asyncio
import time
from collections.abc import Callable

from starlette.types import Receive, Scope

BURST_SECONDS = 1.0  # refusals of this many seconds, at the rate, go without delay
MAX_SECONDS = 3.0  # the longest delay


class Pace:
    """A rate limit for refusals: `per_second` are sent per second, after a burst of one second's.

    Discarding the body of a refused upload and sending a 429 costs about a thirtieth of what an
    image costs. A client that waits as Retry-After asks is refused without delay; a crowd that
    retries at once, which would use up all CPU time, is delayed by up to MAX_SECONDS. Beyond `most`
    delayed refusals, the next is not delayed.
    """

    def __init__(
        self, per_second: float, most: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.step = 1 / per_second
        self.most = most
        self.waiting = 0
        self._now = now
        self._paid_until = 0.0  # as in app.admission.rates, one for all callers

    def turn(self) -> float:
        """Count a refusal; return the seconds by which to delay it."""
        now = self._now()
        latest = now + BURST_SECONDS + MAX_SECONDS
        self._paid_until = min(max(self._paid_until, now) + self.step, latest)
        return max(0.0, self._paid_until - now - BURST_SECONDS)

    async def wait(self, scope: Scope, receive: Receive) -> None:
        """Wait until this request may be refused, or its client disconnects.

        Body received meanwhile is discarded.
        """
        seconds = self.turn() if self.waiting < self.most else 0.0
        if seconds == 0:
            return
        # `receive` would send 100 Continue to a client that expects it (RFC 9110, 10.1.1).
        expects_continue = any(name == b"expect" for name, _ in scope["headers"])
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await (asyncio.sleep(seconds) if expects_continue else disconnected(receive))
        # The usual end of the wait: the client has not disconnected.
        except TimeoutError:
            pass
        finally:
            self.waiting -= 1


async def disconnected(receive: Receive) -> None:
    """Wait until the client disconnects, discarding what it sends."""
    while (await receive())["type"] != "http.disconnect":
        pass
