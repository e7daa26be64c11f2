"""From the network's coarse alpha to one as large as the picture, and what an alpha says of a picture."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.matting.cells import AREA, Grid, Maps, Window
from cutout.imaging.matting.guided import RADIUS, linear_model
from cutout.imaging.preprocess import Alpha, Image, Placement, resize

Matte = NDArray[np.uint8]
"""An alpha (H, W) uint8, 0 is background and 255 foreground."""

CERTAIN = 0.06  # an alpha this near to 0 or 1, all around a cell, is taken as 0 or 1
LONGEST_RESTORED = 4096  # pixels; a picture a thousand times as wide as high would otherwise ask for gigabytes
REACH = 2 * RADIUS + 2  # cells; what lies further from an edge has no part in its refinement
SOLID = 128  # from this alpha on a pixel is foreground
SOFT = 26  # from this alpha on (10 %) a pixel next to the foreground is its soft edge: hair, fur, a blur of motion
SOFT_REACH = 0.02  # how far that goes, share of the foreground's longer side; what reaches further is a veil
SPECK = 0.01  # share of the largest piece of foreground; smaller ones don't count
SAMPLED = 384  # pixels a side that foreground is looked for in: networks don't see finer, and it saves a millisecond
SMALLEST_SUBJECT = 0.001  # share of the picture


def restore(canvas: Alpha, placement: Placement) -> Alpha:
    """Undo `fit`: the alpha of the whole picture (h, w) float32 from that of the canvas (S, S).

    Padding is cut away. What `fit="crop"` cut off, the network has not seen: it counts as background.
    """
    side = canvas.shape[0]
    top, left = max(0, placement.top), max(0, placement.left)
    kept = canvas[top : min(side, placement.top + placement.height), left : min(side, placement.left + placement.width)]
    if kept.shape == (placement.height, placement.width):
        return kept
    shrink = min(1.0, LONGEST_RESTORED / max(placement.width, placement.height))
    height, width = max(1, round(placement.height * shrink)), max(1, round(placement.width * shrink))
    row, column = round((top - placement.top) * shrink), round((left - placement.left) * shrink)
    rows, columns = max(1, round(kept.shape[0] * shrink)), max(1, round(kept.shape[1] * shrink))
    row, column = min(row, height - 1), min(column, width - 1)
    rows, columns = min(rows, height - row), min(columns, width - column)
    whole = np.zeros((height, width), np.float32)
    whole[row : row + rows, column : column + columns] = cv2.resize(kept, (columns, rows), interpolation=cv2.INTER_AREA)
    return whole


def to_size(coarse: Alpha, width: int, height: int) -> Matte:
    """The alpha (height, width) uint8 by plain resizing of `coarse` (h, w) float32 in [0, 1], bilinear if enlarged."""
    small = np.asarray(cv2.convertScaleAbs(coarse, alpha=255), np.uint8)
    return resize(small, width, height)


def refine(coarse: Alpha, image: Image) -> Matte:
    """The alpha (H, W) uint8 at the size of `image` (H, W, 3) uint8 RGB, its edges following the image's.

    `coarse` (h, w) float32 in [0, 1] may have other proportions; it covers the whole image. A guided filter
    (`cutout.imaging.matting.guided`) is fitted on cells about as large as the pixels of `coarse` and evaluated at
    every pixel near an edge. Elsewhere the answer is 0 or 255; an even alpha between the two stays what it is.
    """
    height, width = image.shape[:2]
    grid = Grid.like(width, height, max(coarse.shape))
    alpha = grid.resample(coarse)
    uncertain, is_foreground = _uncertain(alpha), alpha > 0.5
    matte = _fill(is_foreground & ~uncertain, grid)
    if uncertain.any():
        rows, columns = grid.around(uncertain, REACH)
        part, pixels = grid.part(image, rows, columns)
        slope, offset = linear_model(np.ascontiguousarray(alpha[rows, columns]), part.means(pixels))
        certain = ~uncertain[rows, columns]
        slope[certain], offset[certain] = 0, is_foreground[rows, columns][certain]
        slope *= np.float32(255)
        offset *= np.float32(255)
        top, left = rows.start * grid.side, columns.start * grid.side
        inside = matte[top : top + part.height, left : left + part.width]
        for window in part.windows(_and_neighbours(uncertain[rows, columns])):
            inside[window.rows, window.columns] = _evaluate(part, slope, offset, pixels, window)
    return matte


def _uncertain(alpha: Alpha) -> NDArray[np.bool_]:
    """Cells that are neither surely background nor surely foreground together with all their neighbours."""
    around = np.ones((3, 3), np.uint8)
    lowest, highest = cv2.erode(alpha, around), cv2.dilate(alpha, around)
    return np.asarray((highest > CERTAIN) & (lowest < 1 - CERTAIN), np.bool_)


def _and_neighbours(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8)), np.bool_)


def _fill(foreground: NDArray[np.bool_], grid: Grid) -> Matte:
    """A matte of 255 over those cells; pages of memory that stay 0 are never touched."""
    matte = np.zeros((grid.height, grid.width), np.uint8)
    side = grid.side
    step = max(1, AREA // grid.width // side)
    for top in range(0, grid.shape[0], step):
        cells = foreground[top : top + step]
        if cells.any():
            lines = np.repeat(cells.astype(np.uint8) * np.uint8(255), side, axis=1)[:, : grid.width]
            there = matte[top * side : (top + step) * side]
            there[:] = np.repeat(lines, side, axis=0)[: len(there)]
    return matte


def _evaluate(grid: Grid, slope: Maps, offset: Maps, image: Image, window: Window) -> Matte:
    """slope . colour + offset at every pixel of a window, rounded and limited to 0 to 255."""
    products = cv2.multiply(grid.spread(slope, window), image[window.rows, window.columns], dtype=cv2.CV_32F)
    explained = cv2.transform(products, np.ones((1, 3)))
    return np.asarray(cv2.add(explained, grid.spread(offset, window), dtype=cv2.CV_8U), np.uint8)


def harden(alpha: Matte, threshold: float) -> Matte:
    """A mask of 0 and 255: foreground from alpha >= threshold on (in [0, 1])."""
    return np.asarray(np.where(alpha >= math.ceil(255 * threshold), 255, 0), np.uint8)


def coverage(alpha: Matte) -> float:
    """The mean alpha in [0, 1]."""
    return float(cv2.mean(alpha)[0]) / 255


def bounding_box(alpha: Matte) -> tuple[int, int, int, int] | None:
    """(left, top, width, height) of the subject, or None where there is none: what a crop keeps.

    That is the foreground (alpha >= 128) less pieces under 1 % of the largest, and its soft edge: alpha >= 26 no
    further from the foreground's box than 2 % of its longer side.
    """
    solid = _without_specks(alpha)
    if solid is None:
        return None
    left, top, right, bottom = solid
    reach = round(SOFT_REACH * max(right - left, bottom - top))
    left, top = max(0, left - reach), max(0, top - reach)
    column, row, width, height = cv2.boundingRect(_at_least(SOFT, alpha[top : bottom + reach, left : right + reach]))
    return left + column, top + row, width, height


def _without_specks(alpha: Matte) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of the foreground's larger pieces, to the pixel where `alpha` is small, else rounded
    up; or None for none."""
    side, samples = _sampled(alpha)
    _, _, stats, _ = cv2.connectedComponentsWithStats(samples, ltype=cv2.CV_16U)
    pieces = stats[1:]  # the first is the background
    if not len(pieces):
        left, top, width, height = cv2.boundingRect(_at_least(SOLID, alpha))
        return (left, top, left + width, top + height) if width else None
    areas = pieces[:, cv2.CC_STAT_AREA]
    pieces = pieces[areas >= SPECK * areas.max()]
    corners = pieces[:, :2], pieces[:, :2] + pieces[:, 2:4]
    (left, top), (right, bottom) = corners[0].min(axis=0).tolist(), corners[1].max(axis=0).tolist()
    spare = side - 1  # a piece may begin that many pixels before the first sample that hits it
    return max(0, left * side - spare), max(0, top * side - spare), right * side, bottom * side


def _sampled(alpha: Matte) -> tuple[int, NDArray[np.uint8]]:
    """Every how many pixels of a row and of a column, and there 1 for foreground, else 0."""
    side = -(-max(alpha.shape) // SAMPLED)
    return side, _at_least(SOLID, alpha[::side, ::side])


def _at_least(level: int, alpha: Matte) -> NDArray[np.uint8]:
    """1 where the alpha reaches that level, else 0."""
    return (alpha >= level).view(np.uint8)


def subject_found(alpha: Matte) -> bool:
    """Whether enough of the picture is surely foreground."""
    samples = _sampled(alpha)[1]
    return bool(np.count_nonzero(samples) >= SMALLEST_SUBJECT * samples.size)
