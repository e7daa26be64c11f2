"""Remove false pieces: regions detached from the subject that are not subjects themselves."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Alpha

Mask = NDArray[np.bool_]

CORE = 0.4  # pieces are told apart by where the alpha is above this
FAINT = 0.04  # below this alpha nothing connects a piece to its surroundings
LARGE = 0.3  # share of the largest piece's mass from which on a piece is a subject of its own
SURE = 0.9  # mean alpha of the solid part from which on a smaller piece is one too
SPECK = 0.002  # share of the largest piece's mass below which it never is
HALO = 9  # pixels: side of the square by which the soft edge of a dropped piece is reached


def without_false_pieces(alpha: Alpha) -> Alpha:
    """Set to 0 what is detached from the subject and not a subject itself.

    `alpha` and the result are (h, w) float32 in [0, 1], at the network's resolution. Kept are the
    largest piece, those with at least 30 % of its mass (the sum of its alpha), and smaller ones
    that the network is sure of: a ball beside a player stays, a half-seen shape in the background
    goes, with its soft edge. On 821 held-out images of the training sets this takes 63 % of the
    false pieces and raises IoU by .0035 (model_export/LOG.md).
    """
    count, found = cv2.connectedComponents((alpha > CORE).view(np.uint8), ltype=cv2.CV_32S)
    if count < 2:
        return alpha
    labels = np.asarray(found, np.int32)
    kept = _are_subjects(alpha, labels, count)
    is_kept = kept[labels]
    reached = _connected_to(is_kept, alpha > FAINT)
    if not kept[1:].all():
        reached &= ~_around(~is_kept & (labels > 0), is_kept)
    return np.where(reached, alpha, np.float32(0))


def _are_subjects(alpha: Alpha, labels: NDArray[np.int32], count: int) -> Mask:
    """Return which of the pieces 1 to count - 1 are subjects; False for 0, the background."""
    numbers = labels.ravel()
    mass = np.bincount(numbers, alpha.ravel(), count)
    # The background is no piece, and must not be the largest.
    mass[0] = 0
    solid = (alpha > 0.5).ravel()
    pixels = np.bincount(numbers, solid, count)
    # A piece between CORE and 0.5 has no solid pixel at all.
    mean = np.bincount(numbers, alpha.ravel() * solid, count) / np.maximum(pixels, 1)
    share = mass / mass.max()
    kept = (share >= LARGE) | ((mean >= SURE) & (share >= SPECK))
    kept[0] = False
    return np.asarray(kept, np.bool_)


def _connected_to(wanted: Mask, mask: Mask) -> Mask:
    """Return the parts of `mask` that hold a wanted pixel."""
    count, labels = cv2.connectedComponents(mask.view(np.uint8), ltype=cv2.CV_32S)
    holds = np.zeros(count, np.bool_)
    holds[labels[wanted]] = True
    holds[0] = False
    return np.asarray(holds[labels], np.bool_)


def _around(dropped: Mask, kept: Mask) -> Mask:
    """Return what is dropped and its soft edge, where that is not nearer to what is kept."""
    square = np.ones((HALO, HALO), np.uint8)
    near = cv2.dilate(dropped.view(np.uint8), square)
    # Two smaller: within 3 pixels of what is kept, its own soft edge comes first.
    own = cv2.dilate(kept.view(np.uint8), square[:-2, :-2])
    return np.asarray((near > own) | dropped, np.bool_)
