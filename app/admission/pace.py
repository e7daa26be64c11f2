"""Refusals at a pace: who asks again at once, again and again, takes no time from the pictures that are worked on."""

import asyncio
import time
from collections.abc import Callable

from starlette.types import Receive, Scope

BURST_SECONDS = 1.0
MOST_SECONDS = 3.0


class Pace:
    """Lets so many refusals go a second, one second's worth of them at once; the others wait their turn.

    To read and throw away the body of a refused upload, and to answer, costs a thirtieth of what a picture costs. Who
    waits as Retry-After asks is answered at once; a crowd that asks again at once would take all the time there is. No
    turn takes longer than MOST_SECONDS, and no more than `most` wait.
    """

    def __init__(
        self, per_second: float, most: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.step, self.most, self.waiting, self._now = 1 / per_second, most, 0, now
        self._paid = (
            0.0  # the moment at which all refusals so far are paid for, as in `app.admission.rates`
        )

    def turn(self) -> float:
        """Seconds until the next refusal may go; counts it."""
        now = self._now()
        self._paid = min(max(self._paid, now) + self.step, now + BURST_SECONDS + MOST_SECONDS)
        return max(0.0, self._paid - now - BURST_SECONDS)

    async def wait(self, scope: Scope, receive: Receive) -> None:
        """Come back when this request may be refused, or when its client has gone. What comes of its body meanwhile is
        thrown away."""
        seconds = self.turn() if self.waiting < self.most else 0.0
        if seconds == 0:
            return
        # Who asks for leave to send a body (RFC 9110, 10.1.1) would be given it by `receive`.
        asks_leave = any(name == b"expect" for name, _ in scope["headers"])
        self.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await (asyncio.sleep(seconds) if asks_leave else gone(receive))
        except TimeoutError:
            pass
        finally:
            self.waiting -= 1


async def gone(receive: Receive) -> None:
    """Come back when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
