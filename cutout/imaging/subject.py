"""What an alpha says of an image: whether there is a subject, where, and how much of the image."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.box import Box
from cutout.imaging.preprocess import Matte

SOLID = 128  # from this alpha on a pixel is foreground
SOFT = 26  # 10 %: from this alpha on a pixel beside the foreground is its soft edge (hair, blur)
SOFT_REACH = 0.02  # how far that goes, share of the foreground's longer side
SPECK = 0.01  # share of the largest piece of foreground; smaller pieces don't count
CELLS = 384  # along the longer side, in which pieces are told apart; networks see no finer
SMALLEST_SUBJECT = 0.001  # share of the image


def coverage(alpha: Matte) -> float:
    """Compute the mean of an alpha (H, W) uint8 as a share, in [0, 1]."""
    return float(cv2.mean(alpha)[0]) / 255


def bounding_box(alpha: Matte) -> Box | None:
    """Find the box, in pixels, of the subject in an alpha (H, W) uint8; None for no subject.

    That is the foreground (alpha >= 128) without pieces of less than 1 % of the largest, and its
    soft edge: alpha >= 26 no further from the foreground's box than 2 % of its longer side.
    """
    solid = _without_specks(alpha)
    if solid is None:
        return None
    reach = round(SOFT_REACH * max(solid.size))
    left = max(0, solid.left - reach)
    top = max(0, solid.top - reach)
    around = alpha[top : solid.bottom + reach, left : solid.right + reach]
    column, row, width, height = cv2.boundingRect(_at_least(SOFT, around))
    return Box(left + column, top + row, width, height)


def subject_found(alpha: Matte) -> bool:
    """Tell whether an alpha (H, W) uint8 has a subject: 0.1 % of its pixels are foreground."""
    step = _step(alpha)
    samples = _at_least(SOLID, alpha[::step, ::step])
    return bool(np.count_nonzero(samples) >= SMALLEST_SUBJECT * samples.size)


def _without_specks(alpha: Matte) -> Box | None:
    """Find the box of the larger pieces of foreground, rounded up to whole cells."""
    height, width = alpha.shape
    step = _step(alpha)
    # Not samples: a thin part between them would be cut off.
    cells = _at_least(SOLID, _maxima(_maxima(alpha, step).T, step).T)
    # 16 bits are enough: 384 x 384 cells have no more than 36,864 pieces apart.
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cells, ltype=cv2.CV_16U)
    if count == 1:  # the background
        return None
    # By their samples: a speck of one pixel has a cell too, and a small subject has few. What is
    # thinner than a cell has no samples, and about as many pixels as its cells are wide.
    samples = _at_least(SOLID, alpha[::step, ::step]).view(np.bool_)
    sampled = np.bincount(labels[samples], minlength=count)
    areas = np.maximum(sampled, stats[:, cv2.CC_STAT_AREA] // step)[1:]
    pieces = stats[1:][areas >= SPECK * areas.max()]
    left, top = pieces[:, :2].min(axis=0).tolist()
    right, bottom = (pieces[:, :2] + pieces[:, 2:4]).max(axis=0).tolist()
    return Box.between(
        left * step, top * step, min(right * step, width), min(bottom * step, height)
    )


def _step(alpha: Matte) -> int:
    """Return how many pixels a cell is wide and high."""
    longest: int = max(alpha.shape)
    return -(-longest // CELLS)


def _maxima(alpha: Matte, step: int) -> Matte:
    """Compute the maxima of every `step` rows of an alpha (H, W)."""
    highest = alpha[::step].copy()
    for first in range(1, step):
        rows = alpha[first::step]
        # The last rows may be fewer than `step`.
        np.maximum(highest[: len(rows)], rows, out=highest[: len(rows)])
    return highest


def _at_least(level: int, alpha: Matte) -> NDArray[np.uint8]:
    """Return 1 where the alpha reaches that level, else 0."""
    return (alpha >= level).view(np.uint8)
