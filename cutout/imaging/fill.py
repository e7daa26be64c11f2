"""Colours for pixels that are transparent: those of the nearest visible pixels, spread smoothly."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Image, Matte

Maps = NDArray[np.float32]

CELL = 16  # pixels: about a block of JPEG or WebP, so that no block has an edge which nobody sees
EPSILON = np.float32(1 / 64)  # the share of a cell's own colours below which its surroundings count
NEUTRAL = 128  # the colour of an image of which nothing is seen


def filled(means: Maps) -> Maps:
    """Fill cells that show little or nothing with the colours of the cells around them.

    `means` is (rows, columns, 4) float32, 0 to 255: the means of colour * alpha / 255, and of
    alpha. Returns colours (rows, columns, 3) float32, 0 to 255.

    Cells are averaged 2 x 2, over and over, with 0 beyond the last ones, until one is left, whose
    surroundings are 128. From there back to the finest, each cell becomes `(colour * alpha + e *
    around) / (alpha + e)`, with alpha from 0 to 1, `e` 1/64, and `around` the coarser cells
    enlarged twice, bilinearly (pull-push: Gortler and others, "The Lumigraph", SIGGRAPH 1996).
    """
    rows, columns = means.shape[:2]
    if max(rows, columns) == 1:
        around = np.full((1, 1, 3), NEUTRAL, np.float32)
    else:
        # The zeros have an alpha of 0 too: they weigh nothing.
        even = cv2.copyMakeBorder(means, 0, rows % 2, 0, columns % 2, cv2.BORDER_CONSTANT)
        half = (even.shape[1] // 2, even.shape[0] // 2)
        coarser = filled(_floats(cv2.resize(even, half, interpolation=cv2.INTER_AREA)))
        whole = (2 * half[0], 2 * half[1])
        around = _floats(cv2.resize(coarser, whole, interpolation=cv2.INTER_LINEAR))
        around = around[:rows, :columns]
    share = means[:, :, 3:] * np.float32(1 / 255)
    return _floats((means[:, :, :3] + EPSILON * around) / (share + EPSILON))


def fill_transparent(colors: Image, alpha: Matte) -> Image:
    """Give pixels of alpha 0 the colours of the subject around them.

    `colors` is (H, W, 3) uint8 RGB, 0 where `alpha` (H, W) uint8 is 0. Returns (H, W, 3) uint8 RGB.
    So a lossy encoder spends no bytes on an edge that nobody sees, and mixes no black into the
    subject.
    """
    height, width = alpha.shape
    seen = cv2.inRange(alpha, 1, 255)
    cells = (-(-width // CELL), -(-height // CELL))
    # The colours are 0 where nothing is seen, so their mean is weighted by `seen` already.
    small = [cv2.resize(each, cells, interpolation=cv2.INTER_AREA) for each in (colors, seen)]
    means = filled(_floats(cv2.merge([*cv2.split(small[0]), small[1]])))
    rounded = np.clip(np.rint(means), 0, 255).astype(np.uint8)
    around = cv2.resize(rounded, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.copyTo(colors, seen, around), np.uint8)


def _floats(array: object) -> Maps:
    return np.asarray(array, np.float32)
