"""Every request seen from outside: its id in and out, its line in the log, its counts in the metrics."""

import asyncio
import logging
import random
import re
import time
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..metrics import Metrics
from .health import PROBES
from .problems import leaving, unexpected
from .traces import record_stages, trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
LOGGED = 1024  # characters of a path, which the client chose

log = logging.getLogger("cutout.access")


class Observe:
    """ASGI middleware. A request id that the client sent is kept where it is harmless, else a new one is made."""

    def __init__(self, app: ASGIApp, metrics: Metrics, traces: "TracerProvider | None") -> None:
        self.app, self.metrics, self.traces = app, metrics, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {}).update(request_id=request_id, trace_id=trace_id())
        started, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
                record_stages(scope, self.traces)  # now, as the request's span ends with the answer
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except asyncio.CancelledError:
            if not status:  # the answer has not begun
                await leaving(Request(scope))(scope, receive, send_with_id)
        except Exception:  # a fault of ours, whatever it is: the log has it, the client gets a 500
            log.exception("fault", extra={"request_id": request_id, "path": scope["path"][:LOGGED]})
            if status:
                raise
            await unexpected(Request(scope))(scope, receive, send_with_id)
        finally:
            self._record(scope, status or 500, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self.metrics.requests.labels(route, status).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        state = scope["state"]
        clock, code = state.get("clock"), state.get("problem")
        stages = clock.seconds if clock is not None else {}
        for stage, taken in stages.items():
            self.metrics.stages.labels(stage).observe(taken)
        if clock is not None and clock.pixels:
            self.metrics.pixels.observe(clock.pixels)
        if code is not None:
            self.metrics.rejected.labels(code).inc()
        if scope["path"] not in PROBES and log.isEnabledFor(logging.INFO):
            log.info("request", extra=_fields(scope, status, seconds, stages))


def _fields(scope: Scope, status: int, seconds: float, stages: dict[str, float]) -> dict[str, Any]:
    state = scope["state"]
    fields = {
        "request_id": state["request_id"],
        "method": scope["method"],
        "path": scope["path"][:LOGGED],
        "status": status,
        "ms": round(1000 * seconds, 2),
        "stages_ms": {name: round(1000 * taken, 2) for name, taken in stages.items()},
    }
    fields |= {name: state[name] for name in ("key", "trace_id") if state.get(name) is not None}
    return {**fields, "code": state["problem"]} if "problem" in state else fields


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    # No secret, only different. `os.urandom` lets go of the interpreter, and has to wait for it.
    return given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
