"""A hard mask out of a soft alpha: its edge one pixel wide, without holes that the alpha lacks."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Matte
from cutout.imaging.straight_alpha import edge_blocks

EMPTY = 26  # 10 %: below this alpha a pixel counts as transparent
FLAT = np.float32(0.5)  # levels per pixel: smaller slopes count as this, as we divide by the slope


def harden(alpha: Matte, threshold: float) -> Matte:
    """Turn an alpha into a mask: 255 where it is `threshold` or more, 0 elsewhere.

    `alpha` is (H, W) uint8, `threshold` in [0, 1]. Returns (H, W) uint8. Where the line runs
    between pixels the edge is anti-aliased: a pixel gets the share of it that lies inside, by its
    distance to the line (the difference of its alpha to the threshold, over the alpha's slope). A
    region below the threshold that is enclosed by foreground, and in which no pixel is transparent,
    is a weak spot of the alpha and not a hole: it is filled.
    """
    level = math.ceil(255 * threshold)
    if level <= 0:
        return np.full_like(alpha, 255)
    filled = _without_weak_spots(alpha, level)
    mask = (filled >= level).view(np.uint8) * np.uint8(255)
    for rows, columns in edge_blocks(filled):
        mask[rows, columns] = _shares(filled, rows, columns, level)
    return mask


def _shares(alpha: Matte, rows: slice, columns: slice, level: int) -> Matte:
    """Return the share of each pixel of a block that lies inside, 0 to 255."""
    # A pixel more at each side, for the slope at the block's border.
    top, left = max(0, rows.start - 1), max(0, columns.start - 1)
    part = alpha[top : rows.stop + 1, left : columns.stop + 1]
    # Sobel's weights make 8 of a slope of 1: an eighth of it is levels per pixel.
    across = cv2.Sobel(part, cv2.CV_32F, 1, 0, scale=0.125, borderType=cv2.BORDER_REPLICATE)
    down = cv2.Sobel(part, cv2.CV_32F, 0, 1, scale=0.125, borderType=cv2.BORDER_REPLICATE)
    slope = np.maximum(cv2.magnitude(across, down), FLAT)
    # The line runs half a level below: an even alpha of exactly that level is all foreground.
    distance = (part - np.float32(level - 0.5)) / slope
    shares = cv2.convertScaleAbs(np.clip(distance + np.float32(0.5), 0, 1), alpha=255)
    inside = shares[rows.start - top :, columns.start - left :]
    return np.asarray(
        inside[: rows.stop - rows.start, : columns.stop - columns.start], dtype=np.uint8
    )


def _without_weak_spots(alpha: Matte, level: int) -> Matte:
    """Fill, with 255, enclosed regions below `level` in which no pixel is transparent."""
    column, row, width, height = cv2.boundingRect((alpha >= level).view(np.uint8))
    box = (slice(row, row + height), slice(column, column + width))
    inside = alpha[box]
    below = (inside < level).view(np.uint8)
    # 4: a region that meets an open one at no more than a corner is enclosed.
    count, found = cv2.connectedComponents(below, connectivity=4, ltype=cv2.CV_32S)
    if count < 2:
        return alpha
    labels = np.asarray(found, np.int32)
    is_open = _are_open(labels, inside, count)
    if is_open.all():
        return alpha
    filled = alpha.copy()
    filled[box][~is_open[labels]] = 255
    return filled


def _are_open(labels: NDArray[np.int32], alpha: Matte, count: int) -> NDArray[np.bool_]:
    """Tell of each region whether it is a hole: it reaches the border, or is transparent somewhere.

    Returns (count,) bool.
    """
    is_open = np.zeros(count, np.bool_)
    # Label 0 is the foreground, which needs no filling.
    is_open[0] = True
    for border in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        is_open[border] = True
    is_open[labels[alpha < EMPTY]] = True
    return is_open
