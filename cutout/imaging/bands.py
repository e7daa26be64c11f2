"""Large arrays a few rows at a time: they stay in a core's cache from one step to the next."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BAND_BYTES = 1 << 18


def bands(pixels: NDArray[np.uint8]) -> Iterator[slice]:
    """Slices of rows, each of about BAND_BYTES."""
    height = len(pixels)
    row_bytes = max(1, pixels[:1].nbytes)
    step = max(1, BAND_BYTES // row_bytes)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))
