"""Geodesic distances in an image: the length of paths, which grows where colours change."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.box import Box

Mask = NDArray[np.bool_]
Maps = NDArray[np.float32]

# From 60 to 90 the choice is equally good on 90 photographs of nine sets; 40 is worse.
CONTRAST = np.float32(90)  # a change of 1 in one channel, of 0 to 1, is worth so many pixels
ROUNDS = 8  # at most; a path that winds more often than that comes out too long
FAR = np.float32(1e6)  # the distance of a pixel that no path reaches


def geodesic_distances(seeds: Mask, image: Maps, inside: Mask) -> Maps:
    """Compute the length of the shortest path inside a mask from each set of seeds to each pixel.

    `seeds` is (n, h, w) bool, `image` (h, w, 3) float32 in [0, 1] and `inside` (h, w) bool. Returns
    (n, h, w) float32, FAR or more where there is no path.

    A step is as long as its two pixels are apart, times 1 + CONTRAST times the change of colour.
    Distances are relaxed row by row, downwards and upwards, until nothing changes (Toivanen, "New
    geodesic distance transforms for gray-scale images", 1996); along a row, at once: the shortest
    distance of x is `min(distance[i] - sum[i]) + sum[x]`, `sum` being the steps from where the row
    begins.
    """
    found = np.where(seeds & inside, np.float32(0), FAR)
    box = Box(*cv2.boundingRect(inside.view(np.uint8)))
    part = found[:, box.rows, box.columns]  # a view; no path leads through the rest
    image, inside = image[box.rows, box.columns], inside[box.rows, box.columns]
    flips = (slice(None), slice(None, None, -1))
    steps = [_steps(image[flip], inside[flip]) for flip in flips]
    for _ in range(ROUNDS):
        before = part.copy()
        for flip, lengths in zip(flips, steps, strict=True):
            # Views again: the sweep upwards, over rows in reverse, changes `part` as well.
            _sweep(part[:, flip], lengths)
        if np.array_equal(before, part):
            break
    return found


def color_distance(one: Maps, other: Maps) -> Maps:
    """Measure the Euclidean distance between the colours of two arrays (..., 3) in [0, 1].

    Both are float32, and so is the result (...), from 0 to the square root of 3.
    """
    return np.asarray(np.sqrt(np.square(one - other).sum(axis=-1)), np.float32)


class _Steps(NamedTuple):
    """How long the steps between neighbouring pixels of an image (h, w) are."""

    along: NDArray[np.float64]
    """(h, w): from where the row begins to each pixel of it."""
    down: Maps
    """(h - 1, w): from each pixel to the one below."""
    right: Maps
    """(h - 1, w - 1): to the one below and to the right."""
    left: Maps
    """(h - 1, w - 1): to the one below and to the left, beginning with the second column."""


def _steps(image: Maps, inside: Mask) -> _Steps:
    # A step outside costs FAR, so that no path leads there.
    wall = np.where(inside, np.float32(0), FAR)
    # Summed in float64: beside walls that add up to millions, float32 has no room for a step of 1.
    along = np.zeros(inside.shape)
    across = _lengths(image[:, 1:], image[:, :-1]) + wall[:, 1:] + wall[:, :-1]
    np.cumsum(across, axis=1, dtype=np.float64, out=along[:, 1:])
    return _Steps(
        along,
        down=_lengths(image[1:], image[:-1]) + wall[1:],
        right=_lengths(image[1:, 1:], image[:-1, :-1], 2**0.5) + wall[1:, 1:],
        left=_lengths(image[1:, :-1], image[:-1, 1:], 2**0.5) + wall[1:, :-1],
    )


def _lengths(one: Maps, other: Maps, apart: float = 1.0) -> Maps:
    return np.asarray(np.float32(apart) * (1 + CONTRAST * color_distance(one, other)), np.float32)


def _sweep(found: Maps, steps: _Steps) -> None:
    """Shorten the distances (n, h, w) by steps along each row and from row to row, in place."""
    for row, total in enumerate(steps.along):
        here = found[:, row]
        if row:
            above = found[:, row - 1]
            np.minimum(here, above + steps.down[row - 1], out=here)
            np.minimum(here[:, 1:], above[:, :-1] + steps.right[row - 1], out=here[:, 1:])
            np.minimum(here[:, :-1], above[:, 1:] + steps.left[row - 1], out=here[:, :-1])
        forth = np.minimum.accumulate(here - total, axis=1) + total
        back = np.minimum.accumulate((here + total)[:, ::-1], axis=1)[:, ::-1] - total
        np.minimum(here, np.minimum(forth, back), out=here, casting="same_kind")
