"""How long a bundle takes for one image, measured in a few seconds."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from cutout.imaging.preprocess import Image
from cutout.inference.predictor import Predictor

RUNS = 15
MAX_SECONDS = 3.0  # after which no further run is started


@dataclass(frozen=True)
class Timing:
    """Medians in milliseconds for one image of `width` x `height` pixels, and how they were taken.

    An alpha takes `prepare`, `network` and `assemble`; `probability` is for the image as a whole.
    """

    prepare: float
    network: float
    assemble: float
    probability: float
    width: int
    height: int
    threads: int
    runs: int
    machine: str

    @property
    def total(self) -> float:
        """How many milliseconds an alpha takes."""
        return self.prepare + self.network + self.assemble


def measure_time(
    predictor: Predictor, image: Image, threads: int, clock: Callable[[], float] = time.perf_counter
) -> Timing:
    """Measure the median of 15 runs after one to warm up; fewer where a run takes long.

    `image` is (H, W, 3) uint8 RGB; `threads` are those the predictor has, for the record.
    """
    _steps(predictor, image, clock)
    taken: list[tuple[float, ...]] = []
    began = clock()
    while len(taken) < RUNS and (not taken or clock() - began < MAX_SECONDS):
        taken.append(_steps(predictor, image, clock))
    prepare, network, assemble, probability = (
        1000 * median(column) for column in zip(*taken, strict=True)
    )
    height, width = image.shape[:2]
    return Timing(
        prepare, network, assemble, probability, width, height, threads, len(taken), machine()
    )


def _steps(predictor: Predictor, image: Image, clock: Callable[[], float]) -> tuple[float, ...]:
    """Return the seconds that each step took, once."""
    times = [clock()]
    prepared = predictor.prepare(image)
    times.append(clock())
    output = predictor.predict(prepared)
    times.append(clock())
    predictor.assemble(prepared, output)
    times.append(clock())
    predictor.probability(image)
    times.append(clock())
    return tuple(later - earlier for earlier, later in pairwise(times))


def machine() -> str:
    """Return the processor's name and the cores that this process may use."""
    return f"{processor()}, {len(os.sched_getaffinity(0))} cores"


def processor() -> str:
    """Return the processor's name, by Linux or else by Python."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
