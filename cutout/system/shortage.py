"""Errors for a shortage of memory, told apart from images that cannot be decoded."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from cutout.errors import OutOfMemory

DETAIL = "there is no memory left for this image; retry, or use a smaller one"
BYTES_A_PIXEL = 8
"""The most that a decoder allocates for one array: four samples of 16 bits."""


def check_memory(pixels: int) -> None:
    """Check that an array of that many pixels could be allocated. Raises MemoryError if not.

    Decoders that find no memory for an image say no more than that it did not decode.
    """
    # Never written to, and freed at once.
    np.empty(pixels * BYTES_A_PIXEL, np.uint8)


@contextmanager
def explained() -> Iterator[None]:
    """Raise OutOfMemory where the block raises what numpy and OpenCV do if memory is short."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemory(DETAIL) from error
    except cv2.error as error:
        if error.code != cv2.Error.StsNoMem:
            raise
        raise OutOfMemory(DETAIL) from error
