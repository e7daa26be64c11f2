"""The speed of the server, beside its own pipeline without a server and beside rembg's server.

    python -m benchmarks.serve                   # about 12 minutes, on an idle machine
    python -m benchmarks.serve --images DIR      # your own photographs instead of generated ones
    python -m benchmarks.serve --seconds 3 --rounds 1   # a quick look
    python -m benchmarks.serve --unet --out DIR  # a plain U-Net of 1.1 million parameters in both

Everything runs on one machine in the same minutes: the contenders take turns within each round. Two
modes:

- same network: the float32 network at 320 x 320 in all three; no refined edges, no alpha matting.
- as shipped: the bundle as it is in `models/`, edges refined; beside rembg as above.

The target on two cores is a throughput at saturation of at least 0.95 of the bare pipeline;
benchmarks/results has 0.82 to 0.95, and 3.7 and 3.9 times rembg's at 1 MP, 9.1 and 9.8 times at 12
MP. Writes benchmarks/results/serve.json, .md and .svg. Needs `make bench-env`; with `--no-rembg`,
`make export-env` is enough.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import peer
from benchmarks.float32 import float32_bundle
from benchmarks.images import SIZES, photographs
from benchmarks.load import (
    Exchange,
    ask,
    closed_loop,
    percentiles,
    run,
    statuses,
    throughput,
    upload,
)
from benchmarks.serve_report import write_report
from benchmarks.servers import ROOT, Server, cutout_server
from cutout.inference.manifest import find_bundles, read_manifest
from model_export.report.timing import processor

RESULTS = ROOT / "benchmarks" / "results"
CLIENTS = (1, 2, 4, 16)
IMAGES = 3  # of each size
WARM_UP = 4  # requests
STARTS = 3  # of each server, for the median of their times
ROUNDS = 3
SECONDS = 10.0  # of each load in each round


@dataclass
class Row:
    """One contender under one load, all rounds together."""

    contender: str
    clients: int
    exchanges: list[Exchange] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    server_cpu: float = 0.0
    generator_cpu: float = 0.0
    peak_rss_mb: float = 0.0

    def summary(self) -> dict[str, Any]:
        """Return the figures of the row as JSON-like values."""
        count = max(1, len(self.exchanges))
        return {
            "contender": self.contender,
            "clients": self.clients,
            "per_second": round(statistics.median(self.rates), 3),
            "per_second_by_round": [round(rate, 3) for rate in self.rates],
            **percentiles(self.exchanges),
            "requests": len(self.exchanges),
            "statuses": statuses(self.exchanges),
            "cpu_ms_per_request": round(1000 * self.server_cpu / count, 2),
            "generator_cpu_ms_per_request": round(1000 * self.generator_cpu / count, 2),
            "peak_rss_mb": round(self.peak_rss_mb),
        }


@dataclass(frozen=True)
class Contender:
    """A running server and the requests for it."""

    name: str
    server: Server
    requests: Sequence[bytes]

    def measure(self, row: Row, seconds: float) -> None:
        """Run one round of the row's load, and add what it gave."""
        cpu = self.server.cpu_seconds
        load = run(
            closed_loop(
                self.server.port, self.requests, row.clients, seconds, least=max(8, row.clients)
            )
        )
        row.server_cpu += self.server.cpu_seconds - cpu
        row.generator_cpu += load.cpu_seconds
        row.exchanges += load.exchanges
        row.rates.append(throughput(load.exchanges, load.started, load.ended))
        row.peak_rss_mb = self.server.peak_rss_mb


@dataclass(frozen=True)
class Bundles:
    """The segmenter as shipped, and in float32 at the canvas that rembg uses.

    Each is in a directory of bundles.
    """

    shipped: Path
    float32: Path

    @property
    def modes(self) -> dict[str, tuple[Path, str]]:
        """The directory of bundles and the option `refine`, by mode."""
        return {"same network": (self.float32, "false"), "as shipped": (self.shipped, "true")}


def main() -> None:
    """Measure every size of image, and write the report."""
    options = _options()
    if options.rembg:
        # before the minute that the float32 bundle takes
        peer.executable()
    with TemporaryDirectory() as folder:
        work = Path(folder)
        bundles = _bundles(options.models, work, options.unet)
        home = work / "rembg"
        if options.rembg:
            peer.write_network(next(iter(find_bundles(bundles.float32))), home)
        report: dict[str, Any] = {
            "command": _command(options),
            "when": _now(),
            "machine": machine(),
        }
        report["network"] = _network(bundles)
        report["same_network"] = (
            "a plain U-Net, 1.1 million parameters" if options.unet else "the bundle's weights"
        )
        report["images"] = str(options.images.name) if options.images else "made in code"
        report["sizes"] = {
            name: measure_size(name, bundles, home if options.rembg else None, work, options)
            for name in options.sizes
        }
        write_report(report, options.out)
    print((options.out / "serve.md").read_text())


def measure_size(
    size: str, bundles: Bundles, home: Path | None, work: Path, options: argparse.Namespace
) -> Any:
    """Measure all contenders at one size of image, round by round."""
    _say(f"{size}: making images")
    photos = photographs(*SIZES[size], IMAGES, options.images)
    files = [work / f"{size.replace(' ', '')}-{number}.jpg" for number in range(len(photos))]
    for file, photo in zip(files, photos, strict=True):
        file.write_bytes(photo)
    with ExitStack() as stack:
        contenders, starts, coverage = _start(stack, bundles, home, photos)
        bare = {
            f"bare pipeline, {mode}": (Row(f"bare pipeline, {mode}", 0), models, refine)
            for mode, (models, refine) in bundles.modes.items()
        }
        rows = {
            contender.name: [Row(contender.name, count) for count in CLIENTS]
            for contender in contenders
        }
        for number in range(options.rounds):
            for name, (row, models, refine) in bare.items():
                _say(f"{size}: round {number + 1}, {name}")
                _measure_bare(row, models, refine, files, options.seconds)
            for contender in contenders:
                _say(f"{size}: round {number + 1}, {contender.name}")
                for row in rows[contender.name]:
                    contender.measure(row, options.seconds)
        ordered = [row for row, _, _ in bare.values()] + [
            row for listed in rows.values() for row in listed
        ]
    return {
        "bytes": [len(photo) for photo in photos],
        "coverage": coverage,
        "start_seconds": starts,
        "rows": [row.summary() for row in ordered],
    }


def _start(
    stack: ExitStack, bundles: Bundles, home: Path | None, photos: Sequence[bytes]
) -> tuple[list[Contender], dict[str, float], list[float]]:
    """Start and warm every server, and check its first response.

    Returns the contenders, the medians of their start times, and what the masks cover.
    """
    contenders = []
    starts = {}
    coverage = []
    for mode, (models, refine) in bundles.modes.items():
        requests = [upload("/cutout", photo, refine=refine) for photo in photos]
        server, starts["cutout"] = _median_start(stack, lambda models=models: cutout_server(models))  # type: ignore[misc]
        answers = [_checked(ask(server.port, request)) for request in requests]
        coverage = [float(answer.headers["x-coverage"]) for answer in answers]
        contenders.append(Contender(f"cutout, {mode}", server, requests))
    if home is not None:
        requests = [peer.request(photo, home) for photo in photos]
        server, starts["rembg"] = _median_start(stack, lambda: peer.rembg_server(home, requests[0]))
        _checked(ask(server.port, requests[0]))
        contenders.append(Contender("rembg, same network", server, requests))
    for contender in contenders:
        run(closed_loop(contender.server.port, contender.requests, 2, 0, least=WARM_UP))
    return contenders, {name: round(seconds, 2) for name, seconds in starts.items()}, coverage


def _median_start(stack: ExitStack, serve: Callable[[], Any]) -> tuple[Server, float]:
    """Return the server of the last of several starts, still running, and the median start time."""
    times = []
    for _ in range(STARTS - 1):
        with serve() as server:
            times.append(server.ready_seconds)
    running: Server = stack.enter_context(serve())
    return running, statistics.median([*times, running.ready_seconds])


def _checked(answer: Any) -> Any:
    if answer.status != 200 or not answer.body.startswith(b"\x89PNG"):
        raise SystemExit(f"expected a PNG, got {answer.status}: {answer.body[:300]!r}")
    return answer


def _measure_bare(
    row: Row, models: Path, refine: str, files: Sequence[Path], seconds: float
) -> None:
    command = [sys.executable, "-m", "benchmarks.bare", "--models", str(models), "--refine", refine]
    command += ["--seconds", str(seconds), *map(str, files)]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)
    exchanges = [
        Exchange(started, ended, 200, length) for started, ended, length in result["exchanges"]
    ]
    row.clients = result["threads"]
    row.exchanges += exchanges
    row.server_cpu += result["cpu_seconds"]
    row.rates.append(throughput(exchanges, result["started"], result["ended"]))
    row.peak_rss_mb = max(row.peak_rss_mb, result["peak_rss_mb"])


def _bundles(models: Path, work: Path, unet: bool) -> Bundles:
    """Return the only segmenter of a folder of bundles, and its float32 form."""
    segmenters = [
        bundle for bundle in find_bundles(models) if read_manifest(bundle).task == "segment"
    ]
    if not segmenters:
        raise SystemExit(f"{models}: no segmenter in it")
    return Bundles(
        segmenters[0], float32_bundle(segmenters[0], work / "float32", peer.SIZE, unet=unet)
    )


def _network(bundles: Bundles) -> dict[str, Any]:
    manifest = read_manifest(bundles.shipped)
    return {
        "name": f"{manifest.name}/{manifest.version}",
        "shipped": manifest.model.precision,
        "size": manifest.preprocess.size,
        "parameters": manifest.model.parameters,
    }


def machine() -> dict[str, Any]:
    """Describe the machine on which the figures were measured."""
    return {
        "cpu": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load_average_before": os.getloadavg()[0],
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="minutes")


def _command(options: argparse.Namespace) -> str:
    given = " --unet" if options.unet else ""
    for name, usual in (("rounds", ROUNDS), ("seconds", SECONDS)):
        value = getattr(options, name)
        given += "" if value == usual else f" --{name} {value:g}"
    return f"python -m benchmarks.serve{given}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", type=Path, default=ROOT / "models", help="folder of bundles with a segmenter"
    )
    parser.add_argument("--images", type=Path, help="folder of photographs to measure with")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each load in each round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--no-rembg", dest="rembg", action="store_false", help="leave rembg out")
    parser.add_argument(
        "--unet",
        action="store_true",
        help="as the same network a plain U-Net: three times as heavy",
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
