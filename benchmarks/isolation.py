"""The cost of decoding images, or processing them entirely, in a process of its own.

    python -m benchmarks.isolation          # about a minute on an idle machine

Side by side in one run, each round all four: the cut-out in a thread, as the server makes it; the
same in another process, upload and result through pipes; only the decoding, in a thread; and in
another process, the pixels through shared memory and copied out of it. Prints medians in
milliseconds, and what a whole request would take with either kind of isolation as a ratio to the
thread.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory

import cv2
import numpy as np

from benchmarks.images import SIZES, jpeg, synthetic
from cutout import Remover
from cutout.imaging.decode import decode, read_header
from cutout.imaging.preprocess import Image

MAX_PIXELS = 50_000_000


def main() -> None:
    """Measure both sizes of image, and print a table."""
    options = _options()
    cv2.setNumThreads(1)
    thread = ThreadPoolExecutor(1)
    process = ProcessPoolExecutor(1, get_context("spawn"))
    pixels = SharedMemory(create=True, size=MAX_PIXELS * 3)
    try:
        print(
            "| image | in a thread | in a process | ratio "
            "| decoding in a thread | in a process | ratio |"
        )
        print("|---|---|---|---|---|---|---|")
        for name, size in SIZES.items():
            upload = jpeg(synthetic(*size, seed=5))
            ways: list[Callable[[], object]] = [
                partial(_result, thread, cut_out, upload),
                partial(_result, process, cut_out, upload),
                partial(_result, thread, decode_here, upload),
                partial(_decoded_elsewhere, process, pixels, upload),
            ]
            whole, whole_apart, decoding, decoding_apart = _medians(ways, options.rounds)
            ratios = whole_apart / whole, (whole - decoding + decoding_apart) / whole
            print(
                f"| {name} | {1000 * whole:.0f} | {1000 * whole_apart:.0f} | {ratios[0]:.2f} "
                f"| {1000 * decoding:.0f} | {1000 * decoding_apart:.0f} | {ratios[1]:.2f} |"
            )
    finally:
        process.shutdown()
        pixels.unlink()


@cache
def _remover() -> Remover:
    cv2.setNumThreads(1)
    return Remover(threads=1)


def cut_out(upload: bytes) -> bytes:
    """Cut out an image file, with models that are loaded once per process."""
    return _remover().cut_out(upload)


def _decode(upload: bytes) -> Image:
    return decode(upload, read_header(upload, MAX_PIXELS)).image


def decode_into(name: str, upload: bytes) -> tuple[int, ...]:
    """Decode into the shared memory of that name; return the shape of the pixels there."""
    image = _decode(upload)
    memory = SharedMemory(name)
    np.ndarray(image.shape, np.uint8, memory.buf)[:] = image
    memory.close()
    return image.shape


def decode_here(upload: bytes) -> None:
    """Decode an image file, and drop the pixels."""
    _decode(upload)


def _decoded_elsewhere(process: Executor, pixels: SharedMemory, upload: bytes) -> None:
    shape = process.submit(decode_into, pixels.name, upload).result()
    np.array(
        np.ndarray(shape, np.uint8, pixels.buf)
    )  # out of the shared memory, which the next image overwrites


def _result(executor: Executor, work: Callable[[bytes], object], upload: bytes) -> object:
    return executor.submit(work, upload).result()


def _medians(ways: list[Callable[[], object]], rounds: int) -> list[float]:
    """Return the seconds of each way, after a first round that is not counted."""
    taken = [[_timed(way) for way in ways] for _ in range(rounds + 1)][1:]
    return [statistics.median(times) for times in zip(*taken, strict=True)]


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


if __name__ == "__main__":
    main()
