"""What operators watch, for Prometheus. One registry an app, so that two apps in a process don't share counts."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BYTES = tuple(4**exponent * 1024 for exponent in range(9))
PIXELS = tuple(4**exponent * 10_000 for exponent in range(8))


@contextmanager
def shared(several: bool) -> Iterator[None]:
    """Where there are several worker processes: a folder for what they count, so that any of them can tell the sums.

    To be entered by the supervisor, before it starts them. A folder that the operator named is left as it is.
    """
    if not several or MULTIPROCESS in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="cutout-metrics-") as folder:
        os.environ[MULTIPROCESS] = folder
        try:
            yield
        finally:
            del os.environ[MULTIPROCESS]


def forget(pid: int | None) -> None:
    """What a worker that has ended had in work is no more; what it counted stays counted."""
    if MULTIPROCESS in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


class Metrics:
    """Counts and times, labelled by route template and stage, never by anything a client chose."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter(
            "cutout_requests",
            "Requests answered, by route and status",
            ["route", "status"],
            registry=own,
        )
        self.seconds = Histogram(
            "cutout_request_seconds",
            "Time of whole requests, by route",
            ["route"],
            buckets=SECONDS,
            registry=own,
        )
        self.stages = Histogram(
            "cutout_stage_seconds",
            "Time of their stages, by stage",
            ["stage"],
            buckets=SECONDS,
            registry=own,
        )
        self.rejected = Counter(
            "cutout_rejected", "Requests refused, by problem code", ["code"], registry=own
        )
        self.upload_bytes = Histogram(
            "cutout_upload_bytes", "Sizes of uploads", buckets=BYTES, registry=own
        )
        self.pixels = Histogram(
            "cutout_image_pixels", "Sizes of images", buckets=PIXELS, registry=own
        )
        self.in_flight = Gauge(
            "cutout_in_flight",
            "Requests admitted and not yet answered",
            multiprocess_mode="livesum",
            registry=own,
        )
        self.places = Gauge(
            "cutout_places",
            "Requests that may be admitted",
            multiprocess_mode="livesum",
            registry=own,
        )

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format, over all worker processes where there are several."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self.registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)
