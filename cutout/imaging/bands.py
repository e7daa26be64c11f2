"""Large arrays, some rows at a time: a band of rows stays in a core's cache from step to step."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BAND_BYTES = 1 << 18
"""Of a band: small enough to stay in a core's cache from one step to the next."""


def bands(pixels: NDArray[np.uint8]) -> Iterator[slice]:
    """Split an array (H, W) or (H, W, C) uint8 into bands of rows, each of about BAND_BYTES.

    Returns slices of its first axis, from the top, that together hold every row.
    """
    height = len(pixels)
    row_bytes = max(1, pixels[:1].nbytes)
    step = max(1, BAND_BYTES // row_bytes)
    return (slice(top, min(top + step, height)) for top in range(0, height, step))
