"""Ten times as many arrivals as the server can process, alone and behind deploy/compose's proxy.

    python -m benchmarks.overload    # a quarter of an hour, on an idle machine; needs haproxy

The loads are those of benchmarks.soak, in turn: saturation, a crowd of ten times as many callers,
and arrivals at ten times the saturated rate, an open loop. A load has to last longer than callers
wait in the proxy, ten seconds. The target is .90 of the saturated throughput for both. Prints a
table.
"""

import argparse
import random
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.load import HOST, get
from benchmarks.servers import ROOT, Server, cutout_server, free_port, serving
from benchmarks.soak import in_turn, permits, request_mix

CONFIG = ROOT / "deploy" / "compose" / "haproxy.cfg"
READY = get("/readyz")


def main() -> None:
    """Run the loads on both servers, and print a table."""
    options = _options()
    mix, _ = request_mix()
    mixed = [mix.draw(random.Random(1)) for _ in range(200)]
    reports: dict[str, Any] = {}
    with ExitStack() as stack:
        alone = stack.enter_context(cutout_server(options.models))
        behind = stack.enter_context(proxied(alone))
        count = permits(alone)
        for name, server in {"alone": alone, "behind HAProxy": behind}.items():
            reports[name] = in_turn(server, mix, mixed, count, options.seconds)
    print(table(reports))


@contextmanager
def proxied(server: Server) -> Iterator[Server]:
    """Run the server behind HAProxy, with the configuration of deploy/compose.

    Exits with a message where HAProxy is not installed.
    """
    haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if haproxy is None:
        raise SystemExit("needs haproxy: apt-get install haproxy")
    port = free_port()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "haproxy.cfg"
        file.write_text(configuration(CONFIG.read_text(), port, server.port, free_port()))
        with serving([haproxy, "-db", "-f", str(file)], {}, READY, port) as proxy:
            yield replace(server, port=proxy.port)


def configuration(text: str, port: int, replica: int, metrics: int) -> str:
    """Return the compose file's configuration for one local replica, found without Docker.

    Exits with a message where a line to change is not in it.
    """
    changes = {
        r"(?ms)^resolvers docker$.*?(?=^\S)": "",
        r" resolvers docker .*": "",
        r"bind :8000": f"bind {HOST}:{port}",
        r"bind :8404": f"bind {HOST}:{metrics}",
        r"server-template replica 20 cutout:8000": f"server replica {HOST}:{replica}",
    }
    for pattern, substitute in changes.items():
        text, count = re.subn(pattern, substitute, text)
        if not count:
            raise SystemExit(f"{CONFIG}: nothing like {pattern!r} in it")
    return text


def table(reports: dict[str, Any]) -> str:
    """Return a row for each load, with its share of the saturated throughput."""
    lines = [
        "| | load | images/s | of saturation | p50 ms | statuses |",
        "|---|---|---|---|---|---|",
    ]
    for name, report in reports.items():
        for load, measured in report.items():
            lines.append(
                f"| {name} | {load} | {measured['successes_per_second']:.1f} "
                f"| {measured.get('of_saturation', 1):.2f} | {measured['p50_ms']:.0f} "
                f"| {measured['statuses']} |"
            )
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="folder of bundles")
    parser.add_argument("--seconds", type=float, default=25.0, help="of each load in each round")
    return parser.parse_args()


if __name__ == "__main__":
    main()
