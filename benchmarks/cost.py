"""The cost of an image: CPU of all the server's processes, bytes in and out (docs/scaling.md).

    python -m benchmarks.cost

About a minute. CPU time, not wall time: a busy machine raises it by its caches only.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.images import SIZES, photographs
from benchmarks.load import closed_loop, run, statuses, upload
from benchmarks.servers import Server, cutout_server

PHOTOGRAPHS = Path("tests/data/photographs")
ROUTES: dict[str, tuple[str, dict[str, str]]] = {
    "cut-out, PNG": ("/cutout", {}),
    "cut-out, JPEG on white": ("/cutout", {"format": "jpeg"}),
    "cut-out of 1000 pixels, PNG": ("/cutout", {"size": "1000"}),
    "mask": ("/mask", {}),
    "score": ("/predict", {}),
}


def main() -> None:
    """Measure every route with every size of image, and print a JSON object for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--count", type=int, default=24, help="requests for each figure")
    options = parser.parse_args()
    images = {
        "photographs of tests/data": [
            path.read_bytes() for path in sorted(PHOTOGRAPHS.glob("*.jpg"))
        ],
        **{name: photographs(*size, count=3, folder=PHOTOGRAPHS) for name, size in SIZES.items()},
    }
    with cutout_server(options.models, threads="1") as server:
        for name, files in images.items():
            for route in ROUTES:
                print(
                    json.dumps(
                        {
                            "image": name,
                            "answer": route,
                            **cost(server, route, files, options.count),
                        }
                    )
                )


def cost(server: Server, route: str, files: Sequence[bytes], count: int) -> dict[str, object]:
    """Measure CPU and bytes of one request, and how many images a core processes in an hour.

    Exits with a message where a response is not 200.
    """
    path, fields = ROUTES[route]
    requests = [upload(path, file, **fields) for file in files]
    run(closed_loop(server.port, requests, 1, seconds=1e9, count=len(files)))
    before = server.cpu_seconds
    load = run(closed_loop(server.port, requests, 1, seconds=1e9, count=count))
    seconds = (server.cpu_seconds - before) / count
    if set(statuses(load.exchanges)) != {"200"}:
        raise SystemExit(f"{route}: {statuses(load.exchanges)}")
    return {
        "cpu_ms": round(1000 * seconds, 1),
        "images_per_core_hour": round(3600 / seconds),
        "kb_in": round(sum(map(len, requests)) / len(requests) / 1000),
        "kb_out": round(sum(exchange.length for exchange in load.exchanges) / count / 1000),
    }


if __name__ == "__main__":
    main()
