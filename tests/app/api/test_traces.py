"""Traces: one for each request, its stages below it, and below whatever called."""

import http.server
import logging
import os
import sys
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from starlette.testclient import TestClient

from app.api.traces import provider_from_environment
from app.main import create_app
from app.settings import Settings
from tests.support.images import disc, encoded
from tests.support.stand_ins import bright_predictors

CALLER = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(exporter: InMemorySpanExporter) -> Iterator[TestClient]:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with TestClient(create_app(Settings(threads=1), bright_predictors, traces=provider)) as client:
        yield client


def spans(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def test_stages_are_below_the_request_and_the_request_below_its_caller(
    traced: TestClient, exporter: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"traceparent": f"00-{CALLER}-b7ad6b7169203331-01", "X-Request-ID": "abc"}
    with caplog.at_level(logging.INFO):
        answer = traced.post(
            "/api/remove?key=secret", files={"file": encoded(disc(96, 64))}, headers=headers
        )
        assert answer.status_code == 200
    found = spans(exporter)
    request = found.pop("POST /api/remove")
    assert {
        "receive",
        "queue",
        "decode",
        "preprocess",
        "inference",
        "postprocess",
        "encode",
    } == found.keys()
    assert request.context is not None
    assert f"{request.context.trace_id:032x}" == CALLER
    said = dict(request.attributes or {})
    assert (said["http.route"], said["http.response.status_code"]) == ("/api/remove", 200)
    assert (said["cutout.pixels"], said["cutout.request_id"]) == (96 * 64, "abc")
    assert "secret" not in str(said)
    for stage in found.values():
        assert stage.parent is not None
        assert stage.parent.span_id == request.context.span_id
        assert (
            (request.start_time or 0) - 10_000_000
            <= (stage.start_time or 0)
            <= (stage.end_time or 0)
        )
    (line,) = (record for record in caplog.records if record.message == "request")
    assert line.trace_id == CALLER  # type: ignore[attr-defined]


def test_refusals_say_why_and_probes_leave_no_trace(
    traced: TestClient, exporter: InMemorySpanExporter
) -> None:
    traced.get("/readyz")
    traced.post("/mask", files={"file": b"no image"}, headers={"traceparent": "rubbish"})
    traced.get("/nothing")
    found = spans(exporter)
    assert {name for name in found if name.startswith(("GET", "POST"))} == {"POST /mask", "GET"}
    assert (found["POST /mask"].attributes or {})["cutout.problem"] == "unsupported_format"
    assert found["POST /mask"].status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_SERVICE_NAME": "x"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "zipkin"},
    ],
)
def test_no_traces_unless_they_are_asked_for(environment: dict[str, str]) -> None:
    assert provider_from_environment(environment) is None


def test_asked_for_and_not_installed_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert provider_from_environment({"OTEL_TRACES_EXPORTER": "otlp"}) is None
    (record,) = caplog.records
    assert record.message == "traces disabled"
    assert "need the extra `otel`" in vars(record)["reason"]


def test_spans_arrive_at_the_collector_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    received = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    collector = http.server.HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv(
            "OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}"
        )
        provider = provider_from_environment(os.environ)
        with TestClient(
            create_app(Settings(threads=1), bright_predictors, traces=provider)
        ) as client:
            client.get("/models")
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
    ((path, body),) = received
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert {item.key: item.value.string_value for item in resource.resource.attributes}[
        "service.name"
    ] == "cutout"
    assert [span.name for scope in resource.scope_spans for span in scope.spans] == ["GET /models"]
