"""From the network's coarse alpha to an alpha as large as the image, its edges refined."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.box import Box
from cutout.imaging.matting.cells import AREA, Grid, Maps, Window
from cutout.imaging.matting.guided import RADIUS, Guide, linear_model
from cutout.imaging.preprocess import Alpha, Image, Matte, resize
from cutout.system.idle import idle_cores

MAX_CELLS = 256  # along the longer side; what RADIUS and the rest are tuned for
CERTAIN = 0.06  # an alpha this near to 0 or 1, all around a cell, is taken as 0 or 1
# Pixels; the alpha of an image a thousand times as wide as high would otherwise take gigabytes.
MAX_RESTORED_SIDE = 4096
REACH = 2 * RADIUS + 2  # cells; what lies further from an edge has no part in its refinement


@dataclass(frozen=True)
class Guidance:
    """What `refine` needs of the image alone, and what can be made before an alpha is known."""

    grid: Grid
    guide: Guide

    @classmethod
    def of(cls, image: Image, longest: int) -> "Guidance":
        """Make it for an image (H, W, 3) uint8 RGB.

        `longest` is the longer side of the coarse alpha that `refine` will be given.
        """
        grid = _grid(image, longest)
        return cls(grid, Guide.of(grid.means(image)))


def restore(canvas: Alpha, box: Box) -> Alpha:
    """Undo `fit`: from the alpha of the canvas (S, S) to that of the whole image.

    `canvas` is float32 in [0, 1]; `box`, in pixels of the canvas, is where `fit` put the image.
    Returns (h, w) float32, at the resolution of the canvas. Padding is cut away. What `fit="crop"`
    cut off, the network has not seen: it counts as background.
    """
    side = canvas.shape[0]
    top, left = max(0, box.top), max(0, box.left)
    kept = canvas[top : min(side, box.bottom), left : min(side, box.right)]
    if kept.shape == (box.height, box.width):
        return kept
    shrink = min(1.0, MAX_RESTORED_SIDE / max(box.size))
    height = max(1, round(box.height * shrink))
    width = max(1, round(box.width * shrink))
    row = min(round((top - box.top) * shrink), height - 1)
    column = min(round((left - box.left) * shrink), width - 1)
    rows = min(max(1, round(kept.shape[0] * shrink)), height - row)
    columns = min(max(1, round(kept.shape[1] * shrink)), width - column)
    whole = np.zeros((height, width), np.float32)
    whole[row : row + rows, column : column + columns] = cv2.resize(
        kept, (columns, rows), interpolation=cv2.INTER_AREA
    )
    return whole


def to_size(coarse: Alpha, width: int, height: int) -> Matte:
    """Resize an alpha (h, w) float32 in [0, 1] to (height, width) uint8, without refining it."""
    small = np.asarray(cv2.convertScaleAbs(coarse, alpha=255), np.uint8)
    return resize(small, width, height)


def refine(coarse: Alpha, image: Image, guidance: Guidance | None = None) -> Matte:
    """Enlarge an alpha to the size of an image, its edges following those of the image.

    `coarse` (h, w) float32 in [0, 1] may have other proportions; it covers the whole image. `image`
    is (H, W, 3) uint8 RGB. `guidance` is that of the image, where it was made already.
    Returns (H, W) uint8.

    A guided filter (`cutout.imaging.matting.guided`) is fitted on cells about as large as the
    pixels of `coarse` and evaluated at every pixel near an edge. Elsewhere the result is 0 or 255;
    an even alpha between the two stays as it is.
    """
    grid = _grid(image, max(coarse.shape))
    alpha = grid.resample(coarse)
    uncertain = _uncertain(alpha)
    is_foreground = alpha > 0.5
    matte = _fill(is_foreground & ~uncertain, grid)
    if uncertain.any():
        rows, columns = grid.around(uncertain, REACH)
        part, pixels = grid.part(image, rows, columns)
        # A guide of the part alone differs only near its edges, beyond the reach of these cells.
        guide = (
            guidance.guide.part(rows, columns)
            if guidance is not None and guidance.grid == grid
            else Guide.of(part.means(pixels))
        )
        slope, offset = linear_model(np.ascontiguousarray(alpha[rows, columns]), guide)
        certain = ~uncertain[rows, columns]
        # Constant there, whatever the fit says: enlarged, an edge's model runs into 0 or 1.
        slope[certain], offset[certain] = 0, is_foreground[rows, columns][certain]
        slope *= np.float32(255)
        offset *= np.float32(255)
        top, left = rows.start * grid.side, columns.start * grid.side
        # A view of the result, in which each thread writes windows of its own.
        inside = matte[top : top + part.height, left : left + part.width]

        def evaluate(window: Window) -> None:
            inside[window.rows, window.columns] = _evaluate(part, slope, offset, pixels, window)

        # Neighbours too: bilinearly enlarged, a cell reaches half a cell into them.
        idle_cores.each(evaluate, part.windows(_and_neighbours(uncertain[rows, columns])))
    return matte


def _grid(image: Image, longest: int) -> Grid:
    height, width = image.shape[:2]
    return Grid.like(width, height, min(longest, MAX_CELLS))


def _uncertain(alpha: Alpha) -> NDArray[np.bool_]:
    """Find the cells (rows, columns) that are not clearly background or foreground all around."""
    around = np.ones((3, 3), np.uint8)
    lowest = cv2.erode(alpha, around)
    highest = cv2.dilate(alpha, around)
    return np.asarray((highest > CERTAIN) & (lowest < 1 - CERTAIN), np.bool_)


def _and_neighbours(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8)), np.bool_)


def _fill(foreground: NDArray[np.bool_], grid: Grid) -> Matte:
    """Return an alpha that is 255 over those cells; memory pages that stay 0 are never touched."""
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
    """Compute slope . colour + offset at every pixel of a window, rounded, clipped to 0 to 255."""
    products = cv2.multiply(
        grid.spread(slope, window), image[window.rows, window.columns], dtype=cv2.CV_32F
    )
    # The sum of the three channels.
    explained = cv2.transform(products, np.ones((1, 3)))
    return np.asarray(cv2.add(explained, grid.spread(offset, window), dtype=cv2.CV_8U), np.uint8)
