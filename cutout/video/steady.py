"""Masks smoothed over time: where the image does not change, the alpha hardly does.

A segmenter judges each frame by itself, and noise that nobody sees changes its result: edges crawl,
doubtful patches come and go. A recursive filter, without optical flow: each pixel of the network's
alpha moves towards its new value by a share that depends on how much the image has changed there,
from little where it stands still to all of it, at once, where it moves.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Alpha, Image

Maps = NDArray[np.float32]

KEPT = np.float32(0.85)  # share of the previous alpha that is kept where nothing changes
STILL = np.float32(6.0)  # levels of 255; changes well below this are noise
AROUND = 3  # pixels of the alpha: side of the square within which the largest change counts


class AlphaSmoother:
    """A filter that smooths the alphas of a clip over time. Not thread-safe; one for each clip."""

    def __init__(self) -> None:
        self._alpha: Alpha | None = None
        self._seen: Maps | None = None

    def step(self, alpha: Alpha, image: Image) -> Alpha:
        """Smooth the next frame's alpha (h, w) float32 in [0, 1], by its image (H, W, 3) uint8 RGB.

        Returns (h, w) float32 in [0, 1].
        """
        height, width = alpha.shape
        small = _shrunk(image, width, height)
        seen = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)
        if self._alpha is None or self._seen is None or self._alpha.shape != alpha.shape:
            self._alpha = alpha
            self._seen = seen
            return alpha
        kept = _kept(np.asarray(cv2.absdiff(seen, self._seen), np.float32))
        self._alpha = alpha + kept * (self._alpha - alpha)
        self._seen = seen + kept[:, :, np.newaxis] * (self._seen - seen)
        # The array that the next step reads: callers must not write into it.
        return self._alpha


def _shrunk(image: Image, width: int, height: int) -> Image:
    """Shrink an image, first by a whole number, with which OpenCV is far faster."""
    rows, columns = image.shape[:2]
    factor = max(1, min(rows // height, columns // width))
    whole = (columns // factor, rows // factor)
    image = image[: whole[1] * factor, : whole[0] * factor]
    near = cv2.resize(image, whole, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(near, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _kept(change: Maps) -> Maps:
    """Return the share of the previous alpha to keep, (h, w), by the change of colour (h, w, 3)."""
    red, green, blue = cv2.split(change)
    largest = cv2.max(cv2.max(red, green), blue)
    largest = np.asarray(cv2.dilate(largest, np.ones((AROUND, AROUND), np.uint8)), np.float32)
    return np.asarray(KEPT * np.exp(-np.square(largest / STILL)), np.float32)
