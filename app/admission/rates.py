"""Per-client rate limiting."""

import ipaddress
import time
from collections.abc import Callable

from starlette.types import Scope

from cutout.errors import RateLimited

MAX_CALLERS = 100_000  # that are remembered, which bounds the memory


class RateLimit:
    """The generic cell rate algorithm (ITU-T I.371): `per_minute` requests, at once or spread out.

    It keeps one number per caller: the time until which its requests so far would take at a steady
    rate, in seconds of `now`.
    """

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self.per_minute = per_minute
        self.step = 60 / per_minute
        self.burst = 60.0  # seconds at the steady rate: `per_minute` requests at once
        self._now = now
        self._paid_until: dict[str, float] = {}

    def check(self, caller: str) -> None:
        """Count a request of a caller.

        Raises RateLimited, without counting it, where there were too many.
        """
        now = self._now()
        paid_until = max(self._paid_until.get(caller, now), now) + self.step
        if paid_until - now > self.burst + self.step / 2:  # half a step, as float sums are inexact
            wait = paid_until - now - self.burst
            limit = f"more than {self.per_minute} requests per minute (CUTOUT_REQUESTS_PER_MINUTE)"
            raise RateLimited(f"{limit}; retry in {wait:.1f} s", wait)
        if len(self._paid_until) >= MAX_CALLERS:
            self._evict(now)
        self._paid_until[caller] = paid_until

    def _evict(self, now: float) -> None:
        """Evict the callers whose rate is fully replenished; if there are none, evict all."""
        recent = {caller: paid for caller, paid in self._paid_until.items() if paid > now}
        self._paid_until = recent if len(recent) < MAX_CALLERS else {}


def caller_of(scope: Scope, key: int | None) -> str:
    """Identify the caller of a request: the number of its key, or its address if it has none.

    An IPv6 household or host has 2**64 addresses: they count as one caller. `::ffff:a.b.c.d` is
    a.b.c.d.
    """
    if key is not None:
        return f"key {key}"
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)  # no address: empty, or as of starlette's TestClient
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        address = address.ipv4_mapped
    return str(address)
