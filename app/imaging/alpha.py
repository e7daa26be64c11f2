"""From a coarse alpha to one that fits the picture."""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.preprocess import Alpha, Image, Placement

Matte = NDArray[np.uint8]


def restore(canvas: Alpha, placement: Placement) -> Alpha:
    """Undo `fit`: the alpha of the whole picture (h, w) float32 from that of the canvas (S, S)."""
    side = canvas.shape[0]
    top, left = max(0, placement.top), max(0, placement.left)
    kept = canvas[top : min(side, placement.top + placement.height), left : min(side, placement.left + placement.width)]
    if kept.shape == (placement.height, placement.width):
        return kept
    whole = np.zeros((placement.height, placement.width), np.float32)
    row, column = top - placement.top, left - placement.left
    whole[row : row + kept.shape[0], column : column + kept.shape[1]] = kept
    return whole


def to_size(coarse: Alpha, width: int, height: int) -> Matte:
    """The alpha (H, W) uint8, bilinear."""
    small = np.asarray(cv2.convertScaleAbs(coarse, alpha=255), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def refine(coarse: Alpha, image: Image) -> Matte:
    """The alpha at the image's size, its edges following the image's."""
    return to_size(coarse, image.shape[1], image.shape[0])


def harden(alpha: Matte, threshold: float) -> Matte:
    """A mask of 0 and 255: foreground from alpha >= threshold on (in [0, 1])."""
    return np.asarray(np.where(alpha >= max(1, round(255 * threshold)), 255, 0), np.uint8)


def coverage(alpha: Matte) -> float:
    """The mean alpha in [0, 1]."""
    return float(cv2.mean(alpha)[0]) / 255


def bounding_box(alpha: Matte) -> tuple[int, int, int, int] | None:
    """(left, top, width, height) of alpha >= 128, or None where there is none."""
    left, top, width, height = cv2.boundingRect(np.asarray(alpha >= 128, np.uint8))
    return (left, top, width, height) if width else None


def subject_found(alpha: Matte) -> bool:
    """Whether enough of the picture is surely foreground."""
    return bool(np.count_nonzero(alpha >= 128) >= 0.001 * alpha.size)
