"""OpenTelemetry: a span for each request (FastAPI makes it) and one for each of its stages, where the standard
variables ask for them.

Nothing leaves this machine unless the operator set `OTEL_EXPORTER_OTLP_ENDPOINT`, its variant for traces, or
`OTEL_TRACES_EXPORTER=otlp`.
"""

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from starlette.types import Scope

from .health import PROBES

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NAME = "cutout"

log = logging.getLogger(NAME)


def provider_from_environment(environment: Mapping[str, str]) -> "TracerProvider | None":
    """What sends spans where the `OTEL_…` variables say; None where they ask for no traces, or where the extra `otel`
    is not installed, which the log says: an orchestrator may set these variables for all that it runs."""
    exporter = environment.get("OTEL_TRACES_EXPORTER") or (
        "otlp" if any(map(environment.get, ENDPOINTS)) else "none"
    )
    if exporter == "none" or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if exporter != "otlp":
        log.warning(
            "OTEL_TRACES_EXPORTER=%s: only otlp (over HTTP) is known here; no traces are sent",
            exporter,
        )
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning(
            "OTEL_… asks for traces, which need the extra `otel` (requirements/otel.txt); none are sent"
        )
        return None
    named = "OTEL_SERVICE_NAME" in environment or "service.name=" in environment.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    provider = TracerProvider(resource=Resource.create({} if named else {"service.name": NAME}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def telemetry(provider: "TracerProvider | None") -> TelemetryConfig:
    """What FastAPI does of its own: spans of requests, where there is somebody to take them, and nothing else."""
    config = TelemetryConfig(
        tracing=provider is not None, metrics=False, logs=False, operation_spans=False
    )
    config["auto_configure"] = False
    config["exclude"] = lambda scope: scope.get("path") in PROBES
    if provider is not None:
        config["tracer_provider"] = provider
    return config


def trace_id() -> str | None:
    """That of the request in hand, 32 hexadecimal digits (W3C Trace Context), or None where it has no span."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def record_stages(scope: Scope, provider: "TracerProvider | None") -> None:
    """Add what `Observe` noted to the span of the request, and below it a span for each stage."""
    span, state = trace.get_current_span(), scope["state"]
    if provider is None or not span.is_recording():
        return
    span.set_attribute("cutout.request_id", state["request_id"])
    if scope.get("query_string"):
        span.set_attribute("url.query", "REDACTED")  # compat routes take URLs of pictures there
    if "problem" in state:
        span.set_attribute("cutout.problem", state["problem"])
    if (clock := state.get("clock")) is not None:
        span.set_attribute("cutout.pixels", clock.pixels)
        tracer = provider.get_tracer(NAME)
        epoch = time.time_ns() - time.perf_counter_ns()
        for name, started, ended in clock.spans.copy():
            tracer.start_span(name, start_time=epoch + started).end(epoch + ended)
