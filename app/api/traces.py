"""Traces by OpenTelemetry, if its standard variables ask for them.

FastAPI makes a span for each request, this module one for each of its stages. Nothing is sent
unless the operator sets `OTEL_EXPORTER_OTLP_ENDPOINT`, its variant for traces, or
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
    """Make the provider that exports spans as the `OTEL_…` variables say; None for no traces.

    Also None, with a line in the log, if the extra `otel` is not installed: an orchestrator may set
    these variables for everything it runs.
    """
    exporter = environment.get("OTEL_TRACES_EXPORTER") or (
        "otlp" if any(map(environment.get, ENDPOINTS)) else "none"
    )
    if exporter == "none" or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if exporter != "otlp":
        reason = "OTEL_TRACES_EXPORTER must be otlp (over HTTP)"
        log.warning("traces disabled", extra={"reason": reason, "exporter": exporter})
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        reason = "they need the extra `otel` (requirements/otel.txt)"
        log.warning("traces disabled", extra={"reason": reason})
        return None
    attributes = environment.get("OTEL_RESOURCE_ATTRIBUTES", "")
    named = "OTEL_SERVICE_NAME" in environment or "service.name=" in attributes
    # A name given here would outrank the operator's.
    provider = TracerProvider(resource=Resource.create({} if named else {"service.name": NAME}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def telemetry(provider: "TracerProvider | None") -> TelemetryConfig:
    """Configure FastAPI's telemetry: spans of requests if there is a provider, nothing else."""
    config = TelemetryConfig(
        tracing=provider is not None, metrics=False, logs=False, operation_spans=False
    )
    config["auto_configure"] = False
    config["exclude"] = lambda scope: scope.get("path") in PROBES
    if provider is not None:
        config["tracer_provider"] = provider
    return config


def trace_id() -> str | None:
    """Return the current request's trace id, 32 hexadecimal digits (W3C Trace Context), if any."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def record_stages(scope: Scope, provider: "TracerProvider | None") -> None:
    """Add the request's id, problem and size to its span, and below it a span for each stage."""
    span = trace.get_current_span()
    state = scope["state"]
    if provider is None or not span.is_recording():
        return
    span.set_attribute("cutout.request_id", state["request_id"])
    if scope.get("query_string"):
        span.set_attribute("url.query", "REDACTED")  # compat routes take URLs of images there
    if "problem" in state:
        span.set_attribute("cutout.problem", state["problem"])
    if (clock := state.get("clock")) is not None:
        span.set_attribute("cutout.pixels", clock.pixels)
        tracer = provider.get_tracer(NAME)
        # Stages are timed by perf_counter, which knows no date; spans need one.
        epoch = time.time_ns() - time.perf_counter_ns()
        for name, started, ended in clock.spans.copy():  # a thread may still add to them
            tracer.start_span(name, start_time=epoch + started).end(epoch + ended)
