"""The overhead of the service over a bare FastAPI route, where the work is smallest.

    python -m benchmarks.predict        # about 1 minute

`POST /predict` with an 8 kB JPEG and the shipped classifier. Two bare routes do the same decode,
resize and run with nothing around them: one in AnyIO's threads (`def`), one on the event loop
(`async def`); both under the same uvicorn settings, one process. Expected: at least 0.75 of the
faster one. Writes benchmarks/results/predict.json.
"""

import argparse
import json
import os
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.images import jpeg, synthetic
from benchmarks.load import ask, closed_loop, get, percentiles, run, throughput, upload
from benchmarks.serve import RESULTS, machine
from benchmarks.servers import ROOT, cutout_server, serving

SIDE = 200  # pixels: about 7 kB
CLIENTS = 8


def main() -> None:
    """Measure the service and the bare routes, write the figures and print them."""
    options = _options()
    photo = jpeg(synthetic(SIDE, SIDE * 3 // 4, 0))
    paths = {
        "cutout": "/predict",
        "bare route in threads": "/threads",
        "bare route on the loop": "/loop",
    }
    requests = {name: upload(path, photo) for name, path in paths.items()}
    rates: dict[str, list[float]] = {name: [] for name in paths}
    times: dict[str, list[Any]] = {name: [] for name in paths}
    cpu = dict.fromkeys(paths, 0.0)
    with ExitStack() as stack:
        ours = stack.enter_context(cutout_server(options.models))
        bare = stack.enter_context(bare_server(options.models))
        servers = {name: ours if name == "cutout" else bare for name in paths}
        answers = {name: json.loads(ask(servers[name].port, requests[name]).body) for name in paths}
        for _ in range(options.rounds):
            for name, server in servers.items():
                before = server.cpu_seconds
                load = run(closed_loop(server.port, [requests[name]], CLIENTS, options.seconds))
                cpu[name] += server.cpu_seconds - before
                rates[name].append(throughput(load.exchanges, load.started, load.ended))
                times[name] += load.exchanges
    fastest = max(statistics.median(rates[name]) for name in paths if name != "cutout")
    report = {
        "command": "python -m benchmarks.predict",
        "machine": machine(),
        "jpeg_bytes": len(photo),
        "clients": CLIENTS,
        "probability": {name: round(answer["probability"], 5) for name, answer in answers.items()},
        "per_second": {name: round(statistics.median(values), 1) for name, values in rates.items()},
        "cpu_ms_per_request": {
            name: round(1000 * cpu[name] / len(times[name]), 3) for name in paths
        },
        **{name: percentiles(values) for name, values in times.items()},
        "of_the_faster_bare_route": round(statistics.median(rates["cutout"]) / fastest, 3),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "predict.json").write_text(json.dumps(report, indent=1) + "\n")
    json.dump(report, sys.stdout, indent=1)
    print()


def bare_server(models: Path) -> Any:
    """Serve the bare routes as the service is: uvicorn, one worker, no access log."""
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "benchmarks.bare_routes:app",
        "--no-access-log",
        "--port",
        "{port}",
    ]
    environment = {"CUTOUT_MODELS": str(models), "PYTHONPATH": os.fspath(ROOT)}
    return serving(command, environment, get("/openapi.json"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", type=Path, default=ROOT / "models", help="folder of bundles with a classifier"
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="of each load in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
