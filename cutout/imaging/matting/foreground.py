"""The subject's own colours at its edges, where the image shows a mixture with the background.

Forte, Pitié, "Approximate Fast Foreground Colour Estimation" (ICIP 2021): blur the image weighted
by alpha and by 1 - alpha, which gives the colours F and B around each pixel, then move F so that
the mixture is the pixel's own: F + alpha (I - alpha F - (1 - alpha) B). Twice, from wide to narrow.
Here the blurs are made on a grid of cells, and only the last step at full size, and there only
where 0 < alpha < 255.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.matting.cells import Grid, Maps, Window
from cutout.imaging.preprocess import Image
from cutout.system.idle import idle_cores

CELLS = 400  # along the longer side
WIDE, NARROW = 20, 2  # radius of the blurs, cells
EPSILON = np.float32(1e-3)  # a share of foreground too small to estimate a colour from


class EdgeColors:
    """Estimates of the subject's own colours where 0 < alpha < 255.

    `image` is (H, W, 3) uint8 RGB, `alpha` (H, W) uint8. `colors` are the image's `cell_colors`,
    where they were made already.
    """

    def __init__(self, image: Image, alpha: NDArray[np.uint8], colors: Image | None = None) -> None:
        self._image = image
        self._alpha = alpha
        self.grid = _grid(image)
        self._edges = self.grid.any(is_partial(alpha))
        if self._edges.any():
            # The two blurs follow one another: so far away cells still have a part in an edge.
            rows, columns = self.grid.around(self._edges, WIDE + NARROW)
            part, pixels = self.grid.part(image, rows, columns)
            means = part.means(pixels) if colors is None else colors[rows, columns]
            maps = _colors(means, part.means(self.grid.part(alpha, rows, columns)[1]))
            self._background, self._difference = (
                self.grid.placed(map_, rows, columns) for map_ in maps
            )

    def replace(self, pixels: NDArray[np.uint8], band: slice) -> None:
        """Give the edge pixels of a cut-out their estimated colours, in place.

        `pixels` (rows, W, 4) uint8 RGBA are the rows under `band`, which is one of `grid.bands`.
        """
        for window in self.grid.windows_in(band, self._edges):
            matte = self._alpha[window.rows, window.columns]
            colors = _unmix(
                self.grid, self._background, self._difference, self._image, matte, window
            )
            rgba = cv2.merge([*cv2.split(colors), matte])
            # Into a view of `pixels`; where the mask is 0 it stays as it is.
            cv2.copyTo(rgba, is_partial(matte), pixels[:, window.columns])


def cell_colors(image: Image) -> Image:
    """Compute the mean colour of each cell of an image (H, W, 3) uint8 RGB, for `EdgeColors`.

    Returns (rows, columns, 3) uint8. It needs no alpha, so it can be made before there is one.
    """
    return _grid(image).means(image)


def is_partial(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 255 where 0 < alpha < 255, else 0: (H, W) uint8 for an alpha (H, W) uint8."""
    return np.asarray(cv2.inRange(alpha, 1, 254), np.uint8)


def shares(alpha: NDArray[np.uint8]) -> Maps:
    """Convert an alpha (h, w) uint8 to weights of colours: (h, w, 3) float32 in [0, 1]."""
    plane = np.asarray(alpha, np.float32) * np.float32(1 / 255)
    return np.asarray(cv2.merge([plane, plane, plane]), np.float32)


def _grid(image: Image) -> Grid:
    return Grid.like(image.shape[1], image.shape[0], CELLS)


def _colors(colors: Image, alpha: NDArray[np.uint8]) -> tuple[Maps, Maps]:
    """Compute background B and difference F - B around each cell: (rows, columns, 3) float32."""
    image = np.asarray(colors, np.float32)
    share = shares(alpha)
    foreground = around_foreground = background = image
    for radius in (WIDE, NARROW):
        around_foreground, background = idle_cores.each(
            lambda sides: _mean(*sides),
            (
                (foreground, share, radius, around_foreground),
                (background, 1 - share, radius, background),
            ),
        )
        mixture = share * around_foreground + (1 - share) * background
        foreground = np.clip(
            around_foreground + share * (image - mixture), 0, 255, dtype=np.float32
        )
    # Not `foreground`: `_unmix` makes that last correction itself, at every pixel.
    return background, around_foreground - background


def _mean(colors: Maps, weight: Maps, radius: int, fallback: Maps) -> Maps:
    """Compute the weighted mean of colours around each cell; `fallback` if weights are near 0."""
    side = (2 * radius + 1, 2 * radius + 1)
    total = cv2.blur(colors * weight, side) + EPSILON * fallback
    return np.asarray(total / (cv2.blur(weight, side) + EPSILON), np.float32)


def _unmix(
    grid: Grid,
    background: Maps,
    difference: Maps,
    image: Image,
    matte: NDArray[np.uint8],
    window: Window,
) -> Image:
    """Compute F + alpha (I - alpha F - (1 - alpha) B) at every pixel of a window.

    With F = B + D, that is three operations fewer.
    """
    behind = grid.spread(background, window)
    change = grid.spread(difference, window)
    share = shares(matte)
    # Of arrays of two dtypes, OpenCV has to be told which the result has.
    rest = np.asarray(
        cv2.subtract(image[window.rows, window.columns], behind, dtype=cv2.CV_32F), np.float32
    )
    rest -= share * change
    rest *= share
    rest += change
    return np.asarray(cv2.add(rest, behind, dtype=cv2.CV_8U), np.uint8)
