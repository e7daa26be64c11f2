"""Metrics for Prometheus. Each app has its own, so that two in a process share no counts."""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

log = logging.getLogger("cutout")

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
FILE_KINDS = ("counter", "gauge_livesum", "histogram")  # as prometheus_client names its files
FILE_BYTES = 256 * 1024
"""Of a file of shared counts: four times what all routes, statuses and stages take."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BYTES = tuple(4**exponent * 1024 for exponent in range(9))
PIXELS = tuple(4**exponent * 10_000 for exponent in range(8))


@contextmanager
def shared(several: bool) -> Iterator[None]:
    """Give several worker processes a common directory for their counts, so that any can sum them.

    To be entered by the supervisor, before it starts them. A directory that the operator named by
    PROMETHEUS_MULTIPROC_DIR is left as it is. Raises OSError where none can be made.
    """
    if not several or MULTIPROCESS in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="cutout-metrics-") as directory:
        # Inherited by the workers, where prometheus_client looks for it as it is imported.
        os.environ[MULTIPROCESS] = directory
        try:
            yield
        finally:
            del os.environ[MULTIPROCESS]


def allocate() -> None:
    """Allocate this worker's files of shared counts, before it makes its Metrics.

    prometheus_client maps files that have no room on the disk yet: on a full one, the first count
    ends the process (SIGBUS), and each of its successors. Where there is no room, this worker
    counts for itself.
    """
    directory = os.environ.get(MULTIPROCESS)
    if directory is None:
        return
    files = [Path(directory) / f"{kind}_{os.getpid()}.db" for kind in FILE_KINDS]
    try:
        for file in files:
            with file.open("wb") as opened:
                os.posix_fallocate(opened.fileno(), 0, FILE_BYTES)
    except OSError as error:
        for file in files:
            file.unlink(missing_ok=True)
        del os.environ[MULTIPROCESS]
        # It was chosen at the import; Metrics, made later, look it up again.
        values.ValueClass = values.MutexValue
        log.warning("metrics not shared", extra={"directory": directory, "detail": str(error)})


def forget(pid: int | None) -> None:
    """Reset the gauges of a worker that has exited; its counters are kept."""
    if MULTIPROCESS in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


class Metrics:
    """Counts and times, labelled by route template and stage, never by anything a client chose."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter(
            "cutout_requests",
            "Requests, by route and status",
            ["route", "status"],
            registry=own,
        )
        self.seconds = Histogram(
            "cutout_request_seconds",
            "Duration of requests, by route",
            ["route"],
            buckets=SECONDS,
            registry=own,
        )
        self.stages = Histogram(
            "cutout_stage_seconds",
            "Duration of their stages, by stage",
            ["stage"],
            buckets=SECONDS,
            registry=own,
        )
        self.rejected = Counter(
            "cutout_rejected", "Rejected requests, by problem code", ["code"], registry=own
        )
        self.upload_bytes = Histogram(
            "cutout_upload_bytes", "Size of uploads", buckets=BYTES, registry=own
        )
        self.pixels = Histogram(
            "cutout_image_pixels", "Size of images", buckets=PIXELS, registry=own
        )
        self.in_flight = Gauge(
            "cutout_in_flight",
            "Requests in progress: permits taken",
            multiprocess_mode="livesum",
            registry=own,
        )
        self.permits = Gauge(
            "cutout_permits",
            "Requests that may be in progress at the same time: threads + queue",
            multiprocess_mode="livesum",
            registry=own,
        )

    def exposition(self) -> bytes:
        """Write all metrics in Prometheus' text format, summed over all worker processes."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self.registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)
