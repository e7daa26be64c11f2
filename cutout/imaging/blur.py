"""Blur, far cheaper than pixel by pixel: on a grid of cells, spread again over the pixels.

The arithmetic is explicit, as the page composes the same in the browser. Of an image W x H and a
radius of R pixels (whole numbers, `//` rounds down):

1. Cells are squares of `s = max(1, R // 4, ceil(max(W, H) / 1500))` pixels from the top left, those
   of the last row and column too; pixels beyond the image are 0. A cell is the mean of its s * s
   pixels, not rounded.
2. Blurred three times by a box of `2 q + 1` x `2 q + 1` cells, `q = max(1, (R + s // 2) // s)`;
   beyond the border, the cells at the border repeat. Three boxes are as good as a Gaussian whose
   standard deviation is about R pixels.
3. Rounded to 0 to 255, and spread over the pixels bilinearly between the centres of the cells; the
   outermost half cells are even.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.bands import BAND_BYTES
from cutout.imaging.box import Size
from cutout.imaging.compose import Cutout
from cutout.imaging.fill import Maps, filled
from cutout.imaging.preprocess import Image, Matte

MAX_CELLS = 1500  # cells along the longer side: a blur hides what is finer
FINENESS = 4  # cells per radius
BLURS = 3


@dataclass(frozen=True)
class BlurGrid:
    """The grid of square cells on which an image is blurred.

    `size` is the image's, in pixels. `side` is the side of a cell in pixels (`s` in the steps of
    this module) and `reach` how many cells the box filter takes in at each side (`q` there).
    """

    size: Size
    side: int
    reach: int

    @classmethod
    def of(cls, size: Size, radius: int) -> "BlurGrid":
        """Choose the cells for an image of that size and a blur radius of at least 1 pixel."""
        side = max(1, radius // FINENESS, -(-max(size) // MAX_CELLS))
        return cls(size, side, max(1, (radius + side // 2) // side))

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the grid, (rows, columns), in cells."""
        return -(-self.size.height // self.side), -(-self.size.width // self.side)

    def means(self, pixels: NDArray[np.uint8]) -> Maps:
        """Average pixels (H, W) or (H, W, 4) RGBA, uint8, over each cell (step 1).

        Returns (rows, columns) float32 from 0 to 255 for a single channel. For RGBA, whose colours
        are weighted by alpha, returns (rows, columns, 4) float32 from 0 to 255: the means of colour
        * alpha / 255, and of alpha.
        """
        means = np.empty((*self.shape, *pixels.shape[2:]), np.float32)
        # 4: the rows become float32, and are to stay in the cache as such.
        step = max(1, BAND_BYTES // (4 * self.side * pixels[:1].nbytes))
        for first in range(0, len(means), step):
            rows = pixels[first * self.side : (first + step) * self.side]
            cells = means[first : first + step]
            below = len(cells) * self.side - len(rows)
            beside = means.shape[1] * self.side - rows.shape[1]
            # Another dtype is a copy: what follows does not change the caller's pixels.
            band = np.asarray(rows, np.float32)
            if pixels.ndim == 3:
                band[:, :, :3] *= band[:, :, 3:] * np.float32(1 / 255)
            # Filled up to whole cells: INTER_AREA then takes the exact mean of each, zeros
            # included.
            band = _floats(cv2.copyMakeBorder(band, 0, below, 0, beside, cv2.BORDER_CONSTANT))
            cells[:] = cv2.resize(band, (means.shape[1], len(cells)), interpolation=cv2.INTER_AREA)
        return means

    def blurred(self, means: Maps) -> NDArray[np.uint8]:
        """Blur cells and enlarge them to pixels (steps 2 and 3).

        `means` is (rows, columns) or (rows, columns, C) float32, 0 to 255. Returns (H, W) or (H, W,
        C) uint8.
        """
        side = (2 * self.reach + 1, 2 * self.reach + 1)
        # REPLICATE is what step 2 says and the page computes; OpenCV's default would mirror
        # instead.
        for _ in range(BLURS):
            means = np.asarray(cv2.blur(means, side, borderType=cv2.BORDER_REPLICATE), np.float32)
        # Rounded before it is enlarged: the page spreads the same whole numbers, to the bit.
        small = np.clip(np.rint(means), 0, 255).astype(np.uint8)
        # To whole cells, then cropped: resized to the image's size, cells would be squeezed.
        whole = (self.shape[1] * self.side, self.shape[0] * self.side)
        spread = cv2.resize(small, whole, interpolation=cv2.INTER_LINEAR)
        return np.asarray(spread[: self.size.height, : self.size.width], np.uint8)


def blur(plane: Matte, radius: int) -> Matte:
    """Blur a single channel (H, W) uint8; `radius`, in pixels, is about a standard deviation."""
    grid = BlurGrid.of(Size(plane.shape[1], plane.shape[0]), radius)
    return grid.blurred(grid.means(plane))


def blur_filled(pixels: Cutout, radius: int) -> Image:
    """Blur what is visible of a background, and fill what is not with the colours around it.

    `pixels` is (H, W, 4) uint8 RGBA, and `radius` is in pixels. Returns (H, W, 3) uint8 RGB. Where
    a cell shows little of the background (step 1 with colours weighted by alpha), its colours come
    from the cells around it (`cutout.imaging.fill.filled`), so that nothing of the subject shines
    through; then follow steps 2 and 3.
    """
    grid = BlurGrid.of(Size(pixels.shape[1], pixels.shape[0]), radius)
    return grid.blurred(filled(grid.means(pixels)))


def _floats(array: object) -> Maps:
    return np.asarray(array, np.float32)
