"""How many images a second several worker processes make of the same cores: a simulation.

    python -m benchmarks.workers [--cores 2 8 32] [--free 24] [--gil 4] [--loop 2]

Threads of one process share its GIL. A 1-megapixel image takes a thread about 24 ms in C code that
releases the GIL and 4 ms of Python, and the event loop about 2 ms of Python (sampled by py-spy
--gil on two cores). The simulation lets every thread start its next image at once, and gives the
GIL of each process to one waiting thread at a time, in the order in which they asked. How long C
code takes varies (exponentially, from a fixed seed), as images do.
"""

import argparse
import heapq
import random

SLICES = 8  # times that an image needs the GIL
SECONDS = 30


def images_per_second(threads: int, free: float, gil: float) -> float:
    """Simulate one process of that many threads, each with a core of its own.

    `free` and `gil` are milliseconds of an image without and with the GIL.
    """
    rate = SLICES / free
    hold = gil / SLICES
    rng = random.Random(1)
    asking = [(rng.expovariate(rate), thread) for thread in range(threads)]
    heapq.heapify(asking)
    gil_is_free_at = 0.0
    slices = 0
    while asking[0][0] < SECONDS * 1000:
        asked, thread = heapq.heappop(asking)
        gil_is_free_at = max(asked, gil_is_free_at) + hold
        slices += 1
        heapq.heappush(asking, (gil_is_free_at + rng.expovariate(rate), thread))
    return slices / SLICES / SECONDS


def main() -> None:
    """Print a table: cores, workers, images per second, and their share of the possible."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cores", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--free", type=float, default=24, help="ms of an image without the GIL")
    parser.add_argument("--gil", type=float, default=4, help="ms of an image with the GIL")
    parser.add_argument("--loop", type=float, default=2, help="ms of the event loop for an image")
    args = parser.parse_args()
    python = args.gil + args.loop
    print("| cores | workers | threads each | images/s | of the cores |")
    print("|---|---|---|---|---|")
    for cores in args.cores:
        possible = cores * 1000 / (args.free + python)
        for workers in sorted({1, max(1, cores // 8), max(1, cores // 4), max(1, cores // 2)}):
            made = workers * images_per_second(cores // workers, args.free, python)
            made = min(made, possible)
            print(
                f"| {cores} | {workers} | {cores // workers} | {made:.0f} | {made / possible:.2f} |"
            )


if __name__ == "__main__":
    main()
