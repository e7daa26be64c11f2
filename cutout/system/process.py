"""Set up a process that processes images or trains a network: threads and malloc."""

import ctypes
import os

import cv2

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8  # malloc.h
CONFIGURES_MALLOC = frozenset({"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"})
LARGE = 8 << 20  # bytes: larger arrays are returned to the kernel when they are freed
KEPT = 32 << 20  # bytes of freed memory that a thread may keep
ALL = 2**31 - 1  # bytes: the largest threshold


def prepare_for_images() -> None:
    """Set the threads of OpenCV and the thresholds of malloc; to be called before threads start.

    Each image has one thread: OpenCV's own pool would compete with the others for the cores. Memory
    is kept from one image to the next: glibc would return it after each, and the kernel would clear
    it for the next, which for 1 megapixel is a tenth of all work (benchmarks/stages.md). The memory
    of large images is not kept. malloc is left alone if the environment configures it.
    """
    cv2.setNumThreads(1)
    _configure_malloc({M_MMAP_THRESHOLD: LARGE, M_TRIM_THRESHOLD: KEPT})


def keep_freed_memory() -> None:
    """Have malloc keep all memory that is freed; to be called before threads start.

    For training: every step allocates the same gigabytes again, and the kernel would clear them
    each time, which takes an eighth of all steps (model_export/LOG.md). The process needs no more
    memory than without. malloc is left alone if the environment configures it.
    """
    # one arena, as only the main one grows beyond 64 MiB
    _configure_malloc({M_ARENA_MAX: 1, M_MMAP_MAX: 0, M_TRIM_THRESHOLD: ALL})


def _configure_malloc(options: dict[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None and not CONFIGURES_MALLOC & os.environ.keys():
        for option, value in options.items():
            mallopt(option, value)
