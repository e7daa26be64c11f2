"""RGBA with straight alpha: resizing it without dark fringes, and finding its edges."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.matting.cells import Grid
from cutout.imaging.matting.foreground import CELLS, is_partial, shares
from cutout.imaging.preprocess import resize


def resize_cutout(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resize pixels (H, W, 4) uint8 RGBA with straight alpha to (height, width, 4).

    Colours are weighted by alpha, which avoids dark fringes. Weighted in 8 bits: laid on any
    background the result is within 2 of 255 of the exact one.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    weighted = pixels.copy()  # where alpha is 0 or 255 the colours are weighted already
    alpha = alpha_of(pixels)
    for here in edge_blocks(alpha):
        colors = np.asarray(cv2.cvtColor(pixels[here], cv2.COLOR_RGBA2RGB), np.uint8)
        product = cv2.multiply(colors, shares(alpha[here]), dtype=cv2.CV_8U)
        weighted[here] = cv2.merge([*cv2.split(product), alpha[here]])
    resized = resize(weighted, width, height)
    # OpenCV's division of whole numbers by 0 gives 0, so what is transparent stays black.
    *planes, matte = cv2.split(resized)
    return np.asarray(
        cv2.merge([*(cv2.divide(plane, matte, scale=255) for plane in planes), matte]), np.uint8
    )


def alpha_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Copy the alpha (H, W) uint8 out of pixels (H, W, 4) uint8 RGBA."""
    return np.asarray(cv2.extractChannel(pixels, 3), np.uint8)


def edge_blocks(alpha: NDArray[np.uint8]) -> Iterator[tuple[slice, slice]]:
    """Yield blocks, (rows, columns), that together hold every edge pixel of an alpha (H, W) uint8.

    An edge pixel is neither transparent (0) nor opaque (255).
    """
    grid = Grid.like(alpha.shape[1], alpha.shape[0], CELLS)
    return ((window.rows, window.columns) for window in grid.windows(grid.any(is_partial(alpha))))
