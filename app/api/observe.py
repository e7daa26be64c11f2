"""Observation of every request: its id, its line in the log, its counts in the metrics."""

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
from .problems import shutting_down, unexpected
from .traces import record_stages, trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_LOGGED = 1024  # characters of a path, which the client chose

log = logging.getLogger("cutout.access")


class Observe:
    """ASGI middleware that gives a request its id, and records it in the log and the metrics.

    An id that the client sent is kept if it is harmless.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, traces: "TracerProvider | None") -> None:
        self.app = app
        self.metrics = metrics
        self.traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its id, and record it once its response is sent."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {}).update(request_id=request_id, trace_id=trace_id())
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
                record_stages(scope, self.traces)  # the request's span ends with the response
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        # Cancelled by a shutdown that waits no longer. Swallowed, as uvicorn would log an exception
        # of the application; if the response has started, uvicorn closes the connection.
        except asyncio.CancelledError:
            if not status:  # the response has not started
                await shutting_down(Request(scope))(scope, receive, send_with_id)
        except Exception:  # whatever it is: the log has it, the client gets a 500
            fields = {"request_id": request_id, "path": scope["path"][:MAX_LOGGED]}
            log.exception("unhandled exception", extra=fields)
            if status:
                raise  # within a response: uvicorn closes the connection
            await unexpected(Request(scope))(scope, receive, send_with_id)
        finally:
            self._record(scope, status or 500, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self.metrics.requests.labels(route, status).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        state = scope["state"]
        clock = state.get("clock")
        code = state.get("problem")
        stages = clock.seconds if clock is not None else {}
        for stage, taken in stages.items():
            self.metrics.stages.labels(stage).observe(taken)
        if clock is not None and clock.pixels:
            self.metrics.pixels.observe(clock.pixels)
        if code is not None:
            self.metrics.rejected.labels(code).inc()
        if scope["path"] not in PROBES and log.isEnabledFor(logging.INFO):
            log.info("request", extra=request_fields(scope, status, seconds, stages))


def request_fields(
    scope: Scope, status: int, seconds: float, stages: dict[str, float]
) -> dict[str, Any]:
    """Make the fields of a request's log line; no header, no form and no query string."""
    state = scope["state"]
    fields = {
        "request_id": state["request_id"],
        "method": scope["method"],
        "path": scope["path"][:MAX_LOGGED],
        "status": status,
        "ms": round(1000 * seconds, 2),
        "stages_ms": {name: round(1000 * taken, 2) for name, taken in stages.items()},
    }
    fields |= {name: state[name] for name in ("key", "trace_id") if state.get(name) is not None}
    if "problem" in state:
        fields["code"] = state["problem"]
        if state["fields"]:
            fields["fields"] = state["fields"]
    return fields


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    # Unique, not secret: `os.urandom` would release the GIL, and wait for it again.
    return given if REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
