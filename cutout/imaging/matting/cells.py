"""An image as a grid of square cells: small maps, enlarged to pixels only where they are needed.

What is computed for 12 megapixels (an alpha that follows an edge, the colour behind a hair) varies
slowly enough to be computed per cell; only its combination with the image needs every pixel, and
only near edges. So no array of floats is ever as large as the image (docs/decisions).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Maps = NDArray[np.float32]
"""Values per cell, (rows, columns) or (rows, columns, C) float32."""

BLOCK = 128  # pixels a block is high, about: its arrays of floats stay in a core's cache
AREA = 4 * BLOCK * BLOCK  # pixels of a block at most; in thin images blocks are longer instead


class Window(NamedTuple):
    """A block of cells, as slices of rows and columns, and the pixels under it."""

    cell_rows: slice
    cell_columns: slice
    rows: slice
    columns: slice


@dataclass(frozen=True)
class Grid:
    """A grid over an image of width x height pixels, in cells of `side` x `side` pixels.

    Cells of the last row and column may extend beyond the image.
    """

    side: int
    width: int
    height: int

    @classmethod
    def like(cls, width: int, height: int, cells: int) -> "Grid":
        """Make a grid with about `cells` cells along the longer side of an image.

        No cell is longer than the shorter side.
        """
        return cls(max(1, min(round(max(width, height) / cells), width, height)), width, height)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the grid, (rows, columns), in cells."""
        return -(-self.height // self.side), -(-self.width // self.side)

    def resample(self, coarse: Maps) -> Maps:
        """Sample a map (h, w) float32 of the whole image at the centres of the cells.

        Bilinearly; returns (rows, columns) float32.
        """
        rows, columns = self.shape
        across, down = coarse.shape[1] / self.width, coarse.shape[0] / self.height
        start = (self.side - 1) / 2
        # OpenCV counts from the centre of the first pixel: hence half a pixel more, and then less.
        places = np.array(
            [
                [self.side * across, 0, (start + 0.5) * across - 0.5],
                [0, self.side * down, (start + 0.5) * down - 0.5],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return _floats(
            cv2.warpAffine(
                coarse, places, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE
            )
        )

    def means(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Compute the mean of each cell of an image (H, W) or (H, W, C) uint8.

        Returns (rows, columns) or (rows, columns, C) uint8. In large cells, only every second row
        is read.
        """
        # An even side, so that each cell keeps whole rows of its own.
        return self._reduce(image, step=2 if self.side >= 8 and self.side % 2 == 0 else 1)

    def any(self, mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Find the cells with a pixel of 255 in a mask (H, W) uint8 of 0 and 255.

        Returns (rows, columns) bool.
        """
        lines = self._any_below(mask)
        if self.side > 16:
            return np.bitwise_or.reduceat(lines, np.arange(0, self.width, self.side), axis=1) > 0
        full = self.width // self.side  # one pixel of 16 still shows in the mean, which is faster
        cells = np.empty(self.shape, np.bool_)
        if full:
            whole = lines[:, : full * self.side]
            cells[:, :full] = (
                cv2.resize(whole, (full, len(lines)), interpolation=cv2.INTER_AREA) > 0
            )
        if full < self.shape[1]:
            cells[:, -1] = lines[:, full * self.side :].any(axis=1)
        return cells

    def _any_below(self, mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Combine each row of cells to one line of pixels: (rows, width)."""
        full = self.height // self.side
        lines = np.empty((self.shape[0], self.width), np.uint8)
        whole = mask[: full * self.side].reshape(full, self.side, self.width)
        np.bitwise_or.reduce(whole, axis=1, out=lines[:full])
        if full < len(lines):
            np.bitwise_or.reduce(mask[full * self.side :], axis=0, out=lines[-1])
        return lines

    def _reduce(self, image: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
        """Compute the means; cells that extend beyond the image repeat their neighbours."""
        full_rows = self.height // self.side
        full_columns = self.width // self.side
        # Only a `part` at the image's edge is smaller than one cell.
        if not full_rows or not full_columns:
            return np.asarray(
                cv2.resize(image, self.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8
            )
        pixels = image[: full_rows * self.side : step, : full_columns * self.side]
        means = cv2.resize(pixels, (full_columns, full_rows), interpolation=cv2.INTER_AREA)
        missing_rows = self.shape[0] - full_rows
        missing_columns = self.shape[1] - full_columns
        if missing_rows or missing_columns:
            means = cv2.copyMakeBorder(
                means, 0, missing_rows, 0, missing_columns, cv2.BORDER_REPLICATE
            )
        return np.asarray(means, np.uint8)

    def around(self, wanted: NDArray[np.bool_], reach: int) -> tuple[slice, slice]:
        """Return slices of the rows and columns within `reach` cells of the wanted cells.

        `wanted` is (rows, columns) bool, and not empty.
        """
        rows, columns = np.flatnonzero(wanted.any(axis=1)), np.flatnonzero(wanted.any(axis=0))
        return (
            slice(max(0, int(rows[0]) - reach), min(self.shape[0], int(rows[-1]) + 1 + reach)),
            slice(
                max(0, int(columns[0]) - reach), min(self.shape[1], int(columns[-1]) + 1 + reach)
            ),
        )

    def part(
        self, pixels: NDArray[np.uint8], rows: slice, columns: slice
    ) -> tuple["Grid", NDArray[np.uint8]]:
        """Return the grid of some rows and columns of cells, and a view of the pixels under it.

        `pixels` is (H, W) or (H, W, C) uint8.
        """
        view = pixels[
            rows.start * self.side : rows.stop * self.side,
            columns.start * self.side : columns.stop * self.side,
        ]
        return Grid(self.side, view.shape[1], view.shape[0]), view

    @property
    def _gap(self) -> int:
        """The number of cells that make BLOCK pixels."""
        return max(1, BLOCK // self.side)

    def placed(self, maps: Maps, rows: slice, columns: slice) -> Maps:
        """Extend maps of some rows and columns to the whole grid, with 0 elsewhere.

        `maps` is (r, c) or (r, c, C) float32. Returns (rows, columns) or (rows, columns, C)
        float32.
        """
        whole = np.zeros((*self.shape, *maps.shape[2:]), np.float32)
        whole[rows, columns] = maps
        return whole

    def bands(self) -> Iterator[slice]:
        """Yield slices of rows of cells, from the top, each as high as the blocks of `windows`."""
        depth = max(self._gap, AREA // self.width // self.side)
        return (
            slice(top, min(top + depth, self.shape[0])) for top in range(0, self.shape[0], depth)
        )

    def windows(self, wanted: NDArray[np.bool_]) -> Iterator[Window]:
        """Yield blocks that together cover every wanted cell, (rows, columns) bool."""
        return (window for band in self.bands() for window in self.windows_in(band, wanted))

    def windows_in(self, band: slice, wanted: NDArray[np.bool_]) -> Iterator[Window]:
        """Yield the blocks of `windows` within one of `bands`; `wanted` is (rows, columns) bool."""
        longest = max(4 * self._gap, AREA // self.height // self.side)
        for left, right in _runs(np.any(wanted[band], axis=0), self._gap, longest):
            yield Window(
                band,
                slice(left, right),
                self.pixel_rows(band),
                slice(left * self.side, min(self.width, right * self.side)),
            )

    def pixel_rows(self, band: slice) -> slice:
        """Return the rows of pixels under rows of cells."""
        return slice(band.start * self.side, min(self.height, band.stop * self.side))

    def spread(self, maps: Maps, window: Window) -> Maps:
        """Enlarge maps to the pixels of a window, bilinearly.

        `maps` is (rows, columns) or (rows, columns, C) float32. Returns (h, w) or (h, w, C)
        float32, in the size of the window.
        """
        top = window.cell_rows.start
        bottom = window.cell_rows.stop
        left = window.cell_columns.start
        right = window.cell_columns.stop
        rows, columns = maps.shape[:2]
        above = top > 0
        below = bottom < rows
        before = left > 0
        after = right < columns
        # A bool counts as 0 or 1: one cell more on each side that has one, for the interpolation.
        part = maps[top - above : bottom + below, left - before : right + after]
        size = (part.shape[1] * self.side, part.shape[0] * self.side)
        spread = _floats(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR))
        first_row = above * self.side
        first_column = before * self.side
        height, width = (
            window.rows.stop - window.rows.start,
            window.columns.stop - window.columns.start,
        )
        return spread[first_row : first_row + height, first_column : first_column + width]


def _runs(wanted: NDArray[np.bool_], gap: int, longest: int) -> Iterator[tuple[int, int]]:
    """Yield (first, last + 1) of runs of wanted columns, at most `longest`, across small gaps."""
    places = np.flatnonzero(wanted)
    if len(places) == 0:
        return
    breaks = np.flatnonzero(np.diff(places) > gap)
    starts = places[np.concatenate([[0], breaks + 1])]
    ends = places[np.concatenate([breaks, [len(places) - 1]])] + 1
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        for first in range(start, end, longest):
            yield first, min(first + longest, end)


def _floats(array: Any) -> Maps:
    return np.asarray(array, np.float32)
