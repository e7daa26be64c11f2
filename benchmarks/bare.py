"""The pipeline without a server: the engine's functions in one process, with as many threads.

    python -m benchmarks.bare --models models --refine true --seconds 5 IMAGE.jpg ...

`benchmarks.serve` calls it; it prints JSON. What a server adds to these times is its overhead.
"""

import argparse
import json
import os
import sys
import threading
import time
from pathlib import Path

from app.settings import Settings
from app.sizing import Sizing
from benchmarks.load import Exchange
from benchmarks.servers import peak_rss_mb
from cutout.imaging import mask as masks
from cutout.imaging.compose import LazyCutout, multiply_alphas
from cutout.imaging.decode import decode, read_header
from cutout.imaging.encode import encode_png
from cutout.inference.load import load_bundles
from cutout.inference.predictor import Predictor
from cutout.inference.registry import Registry
from cutout.system.idle import idle_cores
from cutout.system.process import prepare_for_images

MAX_PIXELS = 50_000_000


def cut_out(data: bytes, predictor: Predictor, refine: bool) -> bytes:
    """Return the cut-out of an image file, as a PNG."""
    image = decode(data, read_header(data, MAX_PIXELS))
    prepared = predictor.prepare(image.image)
    coarse = predictor.assemble(prepared, predictor.predict(prepared))
    alpha = masks.refine(coarse, image.image) if refine else masks.to_size(coarse, *image.size)
    return encode_png(LazyCutout(image.image, multiply_alphas(alpha, image.alpha)))


def loop(
    predictor: Predictor, uploads: list[bytes], refine: bool, seconds: float, count: int
) -> list[Exchange]:
    """Cut out images in `count` threads for so many seconds.

    Each thread begins with another image.
    """
    done: list[Exchange] = []
    begun = time.perf_counter()

    def work(turn: int) -> None:
        while time.perf_counter() - begun < seconds:
            started = time.perf_counter()
            with idle_cores.occupying_one():
                size = len(cut_out(uploads[turn % len(uploads)], predictor, refine))
            done.append(Exchange(started, time.perf_counter(), 200, size))
            turn += 1

    workers = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return done


def main() -> None:
    """Run the threads, and print what they did as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--refine", choices=("true", "false"), required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("images", nargs="+", type=Path)
    options = parser.parse_args()
    prepare_for_images()  # as the server's
    registry = Registry(load_bundles(options.models))
    predictor = registry.for_masks()
    uploads = [path.read_bytes() for path in options.images]
    refine = options.refine == "true"
    count = Sizing.of(Settings()).threads
    loop(predictor, uploads, refine, 0.0, count)
    cut_out(uploads[0], predictor, refine)
    cpu = time.process_time()
    started = time.perf_counter()
    exchanges = loop(predictor, uploads, refine, options.seconds, count)
    json.dump(
        {
            "threads": count,
            "started": started,
            "ended": started + options.seconds,
            "cpu_seconds": time.process_time() - cpu,
            "peak_rss_mb": peak_rss_mb(os.getpid()),
            "exchanges": [
                (exchange.started, exchange.ended, exchange.length) for exchange in exchanges
            ],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
