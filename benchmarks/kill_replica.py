"""Kill one of several replicas in the middle of a load of photographs, and count what that cost.

    docker compose -f deploy/compose/docker-compose.yml up --build --wait --scale cutout=3
    python -m benchmarks.kill_replica --port 8000 -- docker kill cutout-scaled-cutout-2

About 20 s. To expect: no more requests without a 200 than the replica held, all sent before it was
killed.
"""

import argparse
import asyncio
import json
import subprocess
import time
from pathlib import Path

from benchmarks.load import Exchange, Load, closed_loop, percentiles, run, statuses, upload

PHOTOGRAPHS = Path("tests/data/photographs")


def main() -> None:
    """Run the load, kill the replica, and print what that cost as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument(
        "kill", nargs="+", help="the command that kills a replica, run after a third of the time"
    )
    options = parser.parse_args()
    requests = [upload("/cutout", path.read_bytes()) for path in sorted(PHOTOGRAPHS.glob("*.jpg"))]
    load, killed = run(
        _load_and_kill(options.port, requests, options.clients, options.seconds, options.kill)
    )
    print(json.dumps(report(load, killed), indent=1))


async def _load_and_kill(
    port: int, requests: list[bytes], clients: int, seconds: float, kill: list[str]
) -> tuple[Load, float]:
    async def strike() -> float:
        await asyncio.sleep(seconds / 3)
        moment = time.perf_counter()
        await asyncio.to_thread(subprocess.run, kill, check=True, stdout=subprocess.DEVNULL)
        return moment

    return await asyncio.gather(closed_loop(port, requests, clients, seconds), strike())


def report(load: Load, killed: float) -> dict[str, object]:
    """Summarise the requests, with their times counted from the kill."""
    failed = [exchange for exchange in load.exchanges if exchange.status != 200]
    return {
        "statuses": statuses(load.exchanges),
        "failed": [_moment(exchange, killed) for exchange in failed],
        "failed_that_began_after_the_kill": sum(exchange.started > killed for exchange in failed),
        "before": percentiles(exchange for exchange in load.exchanges if exchange.ended < killed),
        "after": percentiles(exchange for exchange in load.exchanges if exchange.started > killed),
        "generator_cpu_seconds": round(load.cpu_seconds, 2),
    }


def _moment(exchange: Exchange, killed: float) -> dict[str, float]:
    return {
        "status": exchange.status,
        "began": round(exchange.started - killed, 3),
        "ended": round(exchange.ended - killed, 3),
    }


if __name__ == "__main__":
    main()
