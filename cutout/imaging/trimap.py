"""The trimap of a caller: sure foreground, sure background, and what is left to the network."""

from dataclasses import dataclass

import cv2
import numpy as np

from cutout.imaging.box import Box, Size
from cutout.imaging.decode import Raster
from cutout.imaging.preprocess import Alpha, Matte, resize


@dataclass(frozen=True)
class Trimap:
    """What a caller knows of an alpha, at its size (H, W).

    `sure` (H, W) uint8 is the share of each pixel that surely is foreground, `open` (H, W) uint8
    the share that is left to the network, both 0 to 255; the rest surely is background. At the size
    of the caller's mask, and above it, one of the two is 255 or both are 0.
    """

    sure: Matte
    open: Matte

    @classmethod
    def of(cls, mask: Matte, size: Size) -> "Trimap":
        """Read a mask (h, w) uint8, resized to `size`: 255 is foreground, 0 background, else open.

        A smaller mask is enlarged first, so that its borders are open and can follow the image's.
        Of a larger one, every pixel counts by its area.
        """
        if mask.shape[1] < size.width or mask.shape[0] < size.height:
            mask = resize(mask, *size)
        sure = cv2.inRange(mask, 255, 255)
        unknown = cv2.inRange(mask, 1, 254)
        return cls(
            resize(np.asarray(sure, np.uint8), *size), resize(np.asarray(unknown, np.uint8), *size)
        )

    @property
    def leaves_nothing_open(self) -> bool:
        """Whether it is an alpha already, so that the network need not run."""
        return not cv2.hasNonZero(self.open)

    def part(self, box: Box) -> "Trimap":
        """Return the trimap of the part in a box, which lies inside the image."""
        return Trimap(self.sure[box.rows, box.columns], self.open[box.rows, box.columns])

    def guide(self, coarse: Alpha) -> Alpha:
        """Put what is sure into a coarse alpha (h, w) float32 in [0, 1] of the same image.

        Returns (h, w) float32: `sure + open * coarse`, with the mean of `sure` and `open`, as
        shares, over each pixel of `coarse`. So the edges between what is sure and what is not
        follow the image.
        """
        height, width = coarse.shape
        sure, unknown = (
            np.asarray(resize(plane, width, height), np.float32) * np.float32(1 / 255)
            for plane in (self.sure, self.open)
        )
        return np.asarray(sure + unknown * coarse, np.float32)

    def impose(self, alpha: Matte) -> Matte:
        """Put what is sure into an alpha (H, W) uint8 of the same size.

        Returns (H, W) uint8: `sure + open * alpha / 255`, rounded.
        """
        left = cv2.multiply(alpha, self.open, scale=1 / 255)
        return np.asarray(cv2.add(left, self.sure), np.uint8)


def mask_of(raster: Raster) -> Matte:
    """Make a mask (h, w) uint8 of an image: its transparency, or else its grey values."""
    if raster.alpha is not None:
        return raster.alpha
    return np.asarray(cv2.cvtColor(raster.shown, cv2.COLOR_RGB2GRAY), np.uint8)
