"""The result of every decoder: pixels as stored, and an alpha."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutout.imaging.colors.matrix import Samples

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Decoded:
    """The pixels of a file as stored, not yet upright.

    - `image` (h, w, 3) uint8 or uint16 RGB.
    - `alpha` (h, w) uint8, or None for an image without one.
    - `in_srgb`: the colours are sRGB already, whatever the header says.
    - `rows`: of a truncated file, how many of the upload's rows are there; missing ones are
      transparent.
    """

    image: Samples
    alpha: Pixels | None
    in_srgb: bool = False
    rows: int | None = None
