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
SAMPLED = 384  # pixels a side that are looked at: networks see no finer, and it saves 1 ms
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
    samples = _sampled(alpha)[1]
    return bool(np.count_nonzero(samples) >= SMALLEST_SUBJECT * samples.size)


def _without_specks(alpha: Matte) -> Box | None:
    """Find the box of the larger pieces of foreground, rounded up to whole samples."""
    step, samples = _sampled(alpha)
    # 16 bits are enough: 384 x 384 samples have no more than 36,864 pieces apart.
    _, _, stats, _ = cv2.connectedComponentsWithStats(samples, ltype=cv2.CV_16U)
    pieces = stats[1:]  # the first is the background
    if not len(pieces):  # what is thinner than the distance of two samples
        rectangle = cv2.boundingRect(_at_least(SOLID, alpha))
        return Box(*rectangle) if rectangle[2] else None
    areas = pieces[:, cv2.CC_STAT_AREA]
    pieces = pieces[areas >= SPECK * areas.max()]
    left, top = pieces[:, :2].min(axis=0).tolist()
    right, bottom = (pieces[:, :2] + pieces[:, 2:4]).max(axis=0).tolist()
    spare = step - 1  # a piece may begin that many pixels before the first sample that hits it
    return Box.between(
        max(0, left * step - spare), max(0, top * step - spare), right * step, bottom * step
    )


def _sampled(alpha: Matte) -> tuple[int, NDArray[np.uint8]]:
    """Return the distance of samples in pixels, and for each sample 1 for foreground or 0."""
    step = -(-max(alpha.shape) // SAMPLED)
    return step, _at_least(SOLID, alpha[::step, ::step])


def _at_least(level: int, alpha: Matte) -> NDArray[np.uint8]:
    """Return 1 where the alpha reaches that level, else 0."""
    return (alpha >= level).view(np.uint8)
