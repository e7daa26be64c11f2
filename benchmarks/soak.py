"""The server under overload, with corrupt uploads, slow clients and a killed worker.

    python -m benchmarks.soak                                         # a short look: 5 minutes
    python -m benchmarks.soak --minutes 20 --out benchmarks/soak.md   # the acceptance soak

Phases, each bounded: memory after 100 and after 1,000 images of 1 MP; then `--minutes` of mixed
sizes with 5 % corrupt requests, a third of them each at saturation (as many callers as permits),
with a crowd (ten times as many callers, who retry at once when they are refused) and with arrivals
at ten times the saturated rate, in turn, as a machine is not equally fast for minutes; a worker
killed with -9 under load; senders that dribble and readers that don't read. Resident memory is
taken every second. Loopback only. Prints a JSON summary with a verdict for each promise; `--out`
gets it as a table. Expected: every verdict true (413, 415 and 422 are the responses to corrupt
requests).
"""

import argparse
import asyncio
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from benchmarks.images import jpeg, synthetic
from benchmarks.load import (
    HOST,
    Client,
    Exchange,
    ask,
    closed_loop,
    get,
    percentiles,
    run,
    statuses,
    throughput,
    upload,
)
from benchmarks.serve import machine
from benchmarks.servers import ROOT, Server, cutout_server
from cutout.inference.manifest import find_bundles, read_manifest

SIDES = {"0.1 MP": (400, 300), "1 MP": (1152, 864), "4 MP": (2400, 1800)}
CORRUPT_SHARE = 0.05
REFUSALS = ("413", "415", "422")  # statuses of corrupt requests
FACTOR = 10  # of callers and arrivals, over saturation
MAX_CONNECTIONS = 800  # fewer than a server takes
SLOW_SENDERS = 50
SLOW_SECONDS = 14.0  # longer than the server gives a sender for headers or a body
UPLOAD_SECONDS = 3
ROUNDS = 5
COUNTS = ("sent", "not_sent_for_want_of_connections")
SERIES = ("statuses", "rss_mb")
STREAMED = 1024 * 1024


@dataclass(frozen=True)
class RequestMix:
    """Requests to choose from, good ones and corrupt ones."""

    images: Sequence[bytes]
    corrupt: Sequence[bytes]

    def draw(self, rng: random.Random) -> bytes:
        """Return a random request."""
        return rng.choice(self.corrupt if rng.random() < CORRUPT_SHARE else self.images)


def main() -> None:
    """Run every phase and print the report. Exits with 1 where a promise was not kept."""
    options = _options()
    rng = random.Random(1)
    mix, one_mp = request_mix()
    report: dict[str, Any] = {"command": "python -m benchmarks.soak", "machine": machine()}
    manifests = map(read_manifest, find_bundles(options.models))
    report["networks"] = [f"{manifest.name}/{manifest.version}" for manifest in manifests]
    with cutout_server(options.models, upload_seconds=str(UPLOAD_SECONDS)) as server:
        count = permits(server)
        report["permits"] = count
        mixed = [mix.draw(rng) for _ in range(200)]
        report["memory"] = memory(server, one_mp, options.images)
        report |= in_turn(server, mix, mixed, count, 20 * options.minutes / ROUNDS)
        report["killed_worker"] = killed_worker(server, one_mp, 4)
        report["slow_senders"] = run(slow_senders(server.port, one_mp))
        report["slow_readers"] = slow_readers(server, one_mp)
        report["rss_mb_at_the_end"] = round(server.rss_mb)
    report["verdicts"] = verdicts(report)
    print(json.dumps(report, indent=1))
    if options.out is not None:
        options.out.write_text(table(report, options.minutes))
    raise SystemExit(not all(report["verdicts"].values()))


def in_turn(
    server: Server, mix: RequestMix, mixed: Sequence[bytes], permits: int, seconds: float
) -> dict[str, Any]:
    """Run saturation, crowd and overload, each for so many seconds, ROUNDS times.

    The report says what the last two left of the first.
    """
    rounds: dict[str, list[dict[str, Any]]] = {"saturation": [], "crowd": [], "overload": []}
    for _ in range(ROUNDS):
        full = saturation(server, mixed, permits, seconds)
        rounds["saturation"].append(full)
        rounds["crowd"].append(saturation(server, mixed, FACTOR * permits, seconds))
        rounds["overload"].append(
            overload(server, mix, FACTOR * full["answers_per_second"], seconds)
        )
    report = {kind: together(loads) for kind, loads in rounds.items()}
    for kind in ("crowd", "overload"):
        share = report[kind]["successes_per_second"] / report["saturation"]["successes_per_second"]
        report[kind]["of_saturation"] = round(share, 3)
    return report


def together(loads: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Merge the rounds of one kind: counts and samples of all, rates and times as their mean."""
    statuses_of_all = sum((Counter(load["statuses"]) for load in loads), Counter[str]())
    sums = {name: sum(load[name] for load in loads) for name in COUNTS if name in loads[0]}
    means = {
        name: round(fmean(load[name] for load in loads), 2)
        for name in loads[0]
        if name not in SERIES
    }
    samples = [sample for load in loads for sample in load["rss_mb"]]
    return {
        **means,
        **sums,
        "statuses": dict(sorted(statuses_of_all.items())),
        "rss_mb": _twentieths(samples),
    }


def verdicts(report: dict[str, Any]) -> dict[str, bool]:
    """Tell which promises of the service were kept."""
    crowd = report["crowd"]
    overloaded = report["overload"]
    slow = report["slow_senders"]
    memory_mb = report["memory"]
    return {
        "memory flat": memory_mb["after_all"] <= 1.1 * memory_mb["after_100"],
        "memory under 350 MB at 1 MP": memory_mb["peak"] < 350,
        "memory flat in the soak": all(
            _is_flat(load["rss_mb"]) for load in (report["saturation"], crowd, overloaded)
        ),
        "saturation is answered cleanly": set(report["saturation"]["statuses"])
        <= {"200", *REFUSALS},
        "a crowd of ten times as many callers leaves the throughput": crowd["of_saturation"] >= 0.9,
        "ten times as many arrivals leave the throughput": overloaded["of_saturation"] >= 0.9,
        "both are refused cleanly": set(crowd["statuses"]) | set(overloaded["statuses"])
        <= {"200", "429", *REFUSALS},
        "a killed worker costs only its own requests": report["killed_worker"]["broken"]
        <= report["permits"],
        "a killed worker is replaced": report["killed_worker"]["answering_again_seconds"]
        is not None,
        "slow senders delay nobody": slow["livez_p99_ms"] < 100
        and slow["images_ok"] == slow["images"],
        "slow senders are cut off": slow["still_connected"] == 0,
    }


def memory(server: Server, request: bytes, images: int) -> dict[str, Any]:
    """Measure the resident memory after 100 images of 1 MP and after all of them, MB."""

    def send(count: int) -> float:
        run(closed_loop(server.port, [request], 4, seconds=1e9, count=count))
        return round(server.rss_mb, 1)

    started = round(server.rss_mb, 1)
    after_100 = send(100)
    return {
        "at_start": started,
        "after_100": after_100,
        "after_all": send(images - 100),
        "images": images,
        "peak": round(server.peak_rss_mb, 1),
    }


def saturation(
    server: Server, requests: Sequence[bytes], callers: int, seconds: float
) -> dict[str, Any]:
    """Run a closed loop of that many callers; those who are refused retry at once."""
    cpu = server.cpu_seconds
    with watched(server) as samples:
        load = run(closed_loop(server.port, requests, callers, seconds))
    rate = throughput(load.exchanges, load.started, load.ended)
    good = [exchange for exchange in load.exchanges if exchange.status == 200]
    return {
        "successes_per_second": round(rate, 2),
        "answers_per_second": round(rate * len(load.exchanges) / max(1, len(good)), 2),
        "cpu_ms_per_answer": round(
            1000 * (server.cpu_seconds - cpu) / max(1, len(load.exchanges)), 1
        ),
        "statuses": statuses(load.exchanges),
        **percentiles(load.exchanges),
        "rss_mb": samples,
    }


@contextmanager
def watched(server: Server) -> Iterator[list[float]]:
    """Sample the resident memory of all processes, MB, every second of the block."""
    samples = [server.rss_mb]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1):
            samples.append(server.rss_mb)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        over.set()
        watcher.join()


def _twentieths(samples: Sequence[float]) -> list[float]:
    """Return the highest sample of each twentieth of the time."""
    edges = np.linspace(0, len(samples), min(20, len(samples)) + 1).astype(int)
    return [round(max(samples[start:end]), 1) for start, end in pairwise(edges.tolist())]


def _is_flat(highest: Sequence[float]) -> bool:
    """Tell whether the last quarter needs at most a tenth more memory than the second.

    The first quarter is for getting there.
    """
    quarter = max(1, len(highest) // 4)
    return max(highest[-quarter:]) <= 1.1 * max(highest[quarter : 2 * quarter] or highest)


def table(report: dict[str, Any], minutes: float) -> str:
    """Return the report in Markdown."""
    full, crowd, over, flat = (
        report[name] for name in ("saturation", "crowd", "overload", "memory")
    )
    rows = [
        (
            "saturation: images per second, CPU ms per answer",
            f"{full['successes_per_second']}, {full['cpu_ms_per_answer']}",
        ),
        ("saturation: p50, p99 ms", f"{full.get('p50_ms')}, {full.get('p99_ms')}"),
        ("saturation: answers by status", _counted(full["statuses"])),
        *(
            row
            for name, load in (("ten times the callers", crowd), ("ten times the arrivals", over))
            for row in (
                (
                    f"{name}: images/s, share of saturation",
                    f"{load['successes_per_second']}, {load['of_saturation']}",
                ),
                (
                    f"{name}: p50, p99 ms of the admitted",
                    f"{load.get('p50_ms')}, {load.get('p99_ms')}",
                ),
                (f"{name}: answers by status", _counted(load["statuses"])),
            )
        ),
        ("ten times the arrivals: cores that sending them takes", str(over["generator_cores"])),
        (
            "memory, MB: at start, after 100, after all",
            f"{flat['at_start']}, {flat['after_100']}, {flat['after_all']}",
        ),
        ("memory, MB, by twentieths of saturation", ", ".join(map(str, full["rss_mb"]))),
        (
            "memory, MB, by twentieths of ten times the callers",
            ", ".join(map(str, crowd["rss_mb"])),
        ),
        (
            "memory, MB, by twentieths of ten times the arrivals",
            ", ".join(map(str, over["rss_mb"])),
        ),
        *((verdict, "yes" if kept else "**no**") for verdict, kept in report["verdicts"].items()),
    ]
    taken_on = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    lines = [f"| {name} | {value} |" for name, value in rows]
    command = f"`python -m benchmarks.soak --minutes {minutes:g}`"
    networks = ", ".join(report["networks"])
    mix = "; images of .1, 1 and 4 megapixels, mixed"
    head = f"# Soak\n\n{command} on {taken_on}; {networks}{mix}\n\n| | |\n|---|---|\n"
    return head + "\n".join(lines) + "\n"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{status}: {count}" for status, count in counts.items())


def overload(server: Server, mix: RequestMix, rate: float, seconds: float) -> dict[str, Any]:
    """Run arrivals at a fixed rate whatever the responses, on as many connections as needed."""
    cpu = time.process_time()
    with watched(server) as samples:
        exchanges, skipped, ended = run(_arrivals(server.port, mix, rate, seconds))
    started = ended - seconds
    cpu = time.process_time() - cpu
    inside = [exchange for exchange in exchanges if exchange.ended <= ended]
    return {
        "seconds": seconds,
        "offered_per_second": round(rate, 1),
        "sent": len(exchanges),
        "not_sent_for_want_of_connections": skipped,
        "generator_cores": round(cpu / seconds, 2),
        "statuses": statuses(exchanges),
        "successes_per_second": round(throughput(inside, started, ended), 2),
        **percentiles(exchanges),
        "rss_mb": samples,
    }


async def _arrivals(
    port: int, mix: RequestMix, rate: float, seconds: float
) -> tuple[list[Exchange], int, float]:
    rng = random.Random(2)
    exchanges = list[Exchange]()
    idle = [Client(port) for _ in range(MAX_CONNECTIONS)]
    under_way: set[asyncio.Task[None]] = set()
    started = time.perf_counter()
    arrived = 0
    skipped = 0

    async def call(client: Client) -> None:
        exchanges.append(await client.timed(mix.draw(rng)))
        idle.append(client)

    while (now := time.perf_counter() - started) < seconds:
        while arrived < rate * now:
            arrived += 1
            if not idle:
                skipped += 1
                continue
            task = asyncio.ensure_future(call(idle.pop()))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        await asyncio.sleep(0.002)
    ended = time.perf_counter()
    await asyncio.gather(*under_way)
    for client in idle:
        client.close()
    return exchanges, skipped, ended


def killed_worker(server: Server, request: bytes, clients: int) -> dict[str, Any]:
    """Kill a worker with -9 under load; measure what that costs, and when images come again."""
    moments: list[float] = []

    def kill() -> None:
        os.kill(_worker(server), signal.SIGKILL)
        moments.append(time.perf_counter())

    async def load() -> list[Exchange]:
        asyncio.get_running_loop().call_later(2, kill)
        return (await closed_loop(server.port, [request], clients, seconds=12)).exchanges

    exchanges = run(load())
    after = [
        exchange.ended
        for exchange in exchanges
        if exchange.status == 200 and exchange.started > moments[0]
    ]
    return {
        "clients": clients,
        "broken": sum(exchange.status == 0 for exchange in exchanges),
        "statuses": statuses(exchanges),
        "answering_again_seconds": round(min(after) - moments[0], 2) if after else None,
    }


async def slow_senders(port: int, request: bytes) -> dict[str, Any]:
    """Open connections that send a byte now and then, while other clients send requests.

    The bytes are of headers or of a body.
    """
    head_end = request.index(b"\r\n\r\n") + 4
    senders = [await asyncio.open_connection(HOST, port) for _ in range(SLOW_SENDERS)]
    for number, (_, writer) in enumerate(senders):
        writer.write(
            request[: head_end + 500]
            if number % 5 == 0
            else b"POST /cutout HTTP/1.1\r\nHost: x\r\nX-Slow: "
        )
    others = asyncio.gather(
        closed_loop(port, [get("/livez")], 1, SLOW_SECONDS),
        closed_loop(port, [request], 2, SLOW_SECONDS),
    )
    while not others.done():
        for _, writer in senders:
            if not writer.is_closing():
                writer.write(b"a")
        await asyncio.wait([others], timeout=0.5)
    livez, images = await others
    open_still = (await asyncio.gather(*(_ended(reader) for reader, _ in senders))).count(False)
    for _, writer in senders:
        writer.close()
    return {
        "senders": len(senders),
        "still_connected": open_still,
        **{f"livez_{name}": value for name, value in percentiles(livez.exchanges).items()},
        "images": len(images.exchanges),
        "images_ok": sum(exchange.status == 200 for exchange in images.exchanges),
    }


async def _ended(reader: asyncio.StreamReader) -> bool:
    """Tell whether the server has closed the connection; a response may come first."""
    try:
        async with asyncio.timeout(1):
            while await reader.read(65536):
                pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def slow_readers(server: Server, request: bytes) -> dict[str, Any]:
    """Open connections that request images and don't read the responses.

    Returns how much memory the server holds for them, MB.
    """

    async def hold() -> float:
        before = server.rss_mb
        streams = [await asyncio.open_connection(HOST, server.port, limit=1024) for _ in range(60)]
        for number, (_, writer) in enumerate(streams):
            writer.write(request)
            if number % 10 == 9:
                await asyncio.sleep(1)
        await asyncio.sleep(3)
        held = server.rss_mb - before
        for _, writer in streams:
            writer.transport.abort()
        return held

    return {"readers": 60, "held_mb": round(run(hold()), 1)}


def request_mix() -> tuple[RequestMix, bytes]:
    """Make good requests, small ones more often, and corrupt ones.

    These are truncated, have flipped bits, are not images, or have a header that lies.
    """
    files = {name: jpeg(synthetic(*size, seed=3)) for name, size in SIDES.items()}
    good = {name: upload("/cutout", file) for name, file in files.items()}
    middle = files["1 MP"]
    flipped = bytearray(middle)
    for place in random.Random(4).sample(range(len(flipped)), 200):
        flipped[place] ^= 0xFF
    bomb = (
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
        + (60_000).to_bytes(4, "big") * 2
        + b"\x08\x06\0\0\0"
        + bytes(64)
    )
    bad = [middle[: len(middle) // 2], b"", b"GIF89a", bytes(1000), b"<svg/>" * 100, bomb]
    corrupt = [upload("/cutout", file) for file in bad] + [upload("/cutout", middle, threshold="2")]
    fewer = [
        upload("/predict", files["4 MP"], subject="true"),
        upload("/mask", files["4 MP"], refine="false"),
    ]
    images = fewer + [good["0.1 MP"]] * 5 + [good["1 MP"]] * 4 + [good["4 MP"]]
    return RequestMix(images, [*corrupt, upload("/cutout", bytes(flipped))]), good["1 MP"]


def _worker(server: Server) -> int:
    """Return a process that serves: the child with the most memory."""
    children = [pid for pid in server.pids if pid != server.process.pid]
    return max(children, key=lambda pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]))


def permits(server: Server) -> int:
    """Return how many permits the server has. Exits with a message where it does not say so."""
    for line in ask(server.port, get("/metrics")).body.decode().splitlines():
        if line.startswith("cutout_permits"):
            return int(float(line.split()[-1]))
    raise SystemExit("/metrics does not say how many permits there are")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="folder of bundles")
    parser.add_argument(
        "--minutes", type=float, default=2.0, help="of saturation and overload, half each"
    )
    parser.add_argument("--out", type=Path, help="a Markdown file to write the figures into")
    parser.add_argument("--images", type=int, default=1000, help="for the memory phase")
    return parser.parse_args()


if __name__ == "__main__":
    main()
