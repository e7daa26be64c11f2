"""How a process that works on images is set up, once, before its threads start."""

import ctypes
import os

import cv2

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGE = 8 << 20  # bytes; larger arrays are the kernel's again as soon as they are freed
KEPT = 32 << 20  # bytes that a thread may keep of what it has freed


def prepare_for_images() -> None:
    """An image has one thread: OpenCV's own pool would fight the others for the cores. And memory is kept from one
    image to the next: by itself glibc gives it back after each and has it cleared again for the next, which at
    1 megapixel is a tenth of all the work (`benchmarks/stages.md`). Large images' memory is not kept."""
    cv2.setNumThreads(1)
    if (
        not {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & os.environ.keys()
    ):  # the operator knows better
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, LARGE)
            mallopt(M_TRIM_THRESHOLD, KEPT)
