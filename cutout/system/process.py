"""Set up a process that decodes and processes images: threads and malloc."""

import ctypes
import os

import cv2

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGE = 8 << 20  # bytes: larger arrays are returned to the kernel when they are freed
KEPT = 32 << 20  # bytes of freed memory that a thread may keep


def prepare_for_images() -> None:
    """Set the threads of OpenCV and the thresholds of malloc; to be called before threads start.

    Each image has one thread: OpenCV's own pool would compete with the others for the cores. Memory
    is kept from one image to the next: glibc would return it after each, and the kernel would clear
    it for the next, which for 1 megapixel is a tenth of all work (benchmarks/stages.md). The memory
    of large images is not kept. malloc is left alone if the environment configures it.
    """
    cv2.setNumThreads(1)
    if not {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"} & os.environ.keys():
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, LARGE)
            mallopt(M_TRIM_THRESHOLD, KEPT)
