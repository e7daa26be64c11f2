"""The size of a server: worker processes, threads, pixels and waiting requests.

Computed once, from the settings and from the cores and the memory that this container or machine
gives (docs/operations.md, Sizing).
"""

from dataclasses import dataclass

from cutout.system.cores import usable_cores
from cutout.system.memory import usable_memory

from .settings import Settings

CORES_PER_WORKER = 4  # more threads than this wait for one another's GIL (benchmarks/workers.py)
PIXELS_PER_THREAD = 16_000_000  # as from cameras: such images never wait for one another
BURST = 32  # requests that may wait by default, as clients of a server without limits send
SMALL_QUEUE = 16  # the same if memory may not hold as many bodies
BYTES_AT_REST = 220_000_000  # memory of an idle worker process; measured
BYTES_PER_PIXEL = 16  # memory of an image while it is processed; measured


@dataclass(frozen=True)
class Sizing:
    """What every worker process of a server may do at the same time."""

    workers: int
    """Worker processes of the server."""
    threads: int
    """Images processed at the same time in one worker."""
    pixels: int
    """Pixels processed at the same time in one worker."""
    queue: int
    """Requests that may wait in one worker, beyond those being processed."""
    cores: int
    """Cores that are one worker's share."""

    @classmethod
    def of(
        cls, settings: Settings, cores: int | None = None, memory: int | None = None
    ) -> "Sizing":
        """Compute the sizes that the settings leave open.

        `cores` are whole CPU cores and `memory` is in bytes; by default, those that this process
        may use.
        """
        cores = usable_cores() if cores is None else cores
        memory = usable_memory() if memory is None else memory
        workers = _workers(settings, cores)
        threads = settings.threads or max(1, cores // (workers * settings.intra_op_threads))
        pixels = settings.pixels_at_once or max(settings.max_pixels, PIXELS_PER_THREAD * threads)
        queue = settings.queue
        if queue is None:
            images = BYTES_AT_REST + BYTES_PER_PIXEL * pixels
            bodies = (threads + BURST) * settings.max_upload_bytes
            queue = BURST if workers * (images + bodies) <= memory else SMALL_QUEUE
        return cls(workers, threads, pixels, queue, max(1, cores // workers))


def _workers(settings: Settings, cores: int) -> int:
    """Return one worker for every four cores; on a GPU one, as each would fill its memory again.

    Where onnxruntime uses more than four threads, a worker has a core for each.
    """
    if settings.workers is not None:
        return settings.workers
    share = max(CORES_PER_WORKER, settings.intra_op_threads)
    return max(1, cores // share) if settings.providers == ("cpu",) else 1
