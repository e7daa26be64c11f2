"""Effects under a cut-out: an outline, a soft shadow, a contact shadow.

Each is a layer of one colour with an alpha of its own. The arithmetic is explicit, as the page
composes the same in the browser; `round` is to the nearest whole number, at a half either way.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.bands import bands
from cutout.imaging.blur import blur
from cutout.imaging.box import Box
from cutout.imaging.compose import Cutout
from cutout.imaging.preprocess import Matte
from cutout.imaging.straight_alpha import alpha_of
from cutout.imaging.subject import SOLID

BLACK = np.array([0, 0, 0, 255], np.uint8)
UNITS = 50  # a shadow's unit of length is 1/50 of the longer side of what casts it
SOFT, CONTACT = 0.4, 0.6  # opacity of the two shadows
FOOT = 20  # the lowest 1/20 of the subject stands on the ground
ROWS = 512  # rows of an outline that are computed at a time


def outlined(pixels: Cutout, width: int, color: NDArray[np.uint8]) -> Cutout:
    """Put an outline under a cut-out, in place.

    `pixels` is (H, W, 4) uint8 RGBA, `width` is in pixels and `color` is (4,) uint8 RGBA. Returns
    `pixels`.

    The outline's alpha is `round(255 * clip(width + 0.5 - d, 0, 1))`, `d` being the distance in
    pixels, from centre to centre, to the nearest pixel of an alpha of 128 or more; 0 where there is
    none. So it shows through holes and translucent parts of the subject too.
    """
    alpha = alpha_of(pixels)
    layer = np.zeros_like(alpha)
    if (box := _solid(alpha)) is not None:
        # Only here, as numpy clips beyond the last column; a negative first one counts from the
        # end.
        left = max(0, box.left - width - 1)
        right = box.right + width + 1
        for top in range(max(0, box.top - width - 1), box.bottom + width + 1, ROWS):
            near = slice(max(0, top - width - 1), top + ROWS + width + 1)
            ring = _ring(alpha[near, left:right], width)
            layer[top : top + ROWS, left:right] = ring[top - near.start :][:ROWS]
    return _over(pixels, layer, color)


def with_soft_shadow(pixels: Cutout) -> Cutout:
    """Put the blurred shape of a cut-out under it, black and a little lower, in place.

    `pixels` is (H, W, 4) uint8 RGBA, and is returned. With `u = max(1, (longer + 25) // 50)`,
    `longer` being the longer side of the box around what has an alpha of 128 or more: the alpha,
    moved down by `u` pixels, is blurred with radius `u` (`cutout.imaging.blur`) and becomes
    `round(0.4 * blurred)`.
    """
    alpha = alpha_of(pixels)
    box = _solid(alpha)
    if box is None:
        return pixels
    unit = _unit(box)
    moved = np.zeros_like(alpha)
    # The shift may exceed the height of a low image: a negative end would count from the end.
    moved[unit:] = alpha[: max(0, len(alpha) - unit)]
    return _over(pixels, _times(blur(moved, unit), SOFT), BLACK)


def with_contact_shadow(pixels: Cutout) -> Cutout:
    """Put a black shadow where a cut-out touches the ground, in place.

    `pixels` is (H, W, 4) uint8 RGBA, and is returned. With the box and `u` of `with_soft_shadow`:
    the largest alpha in the lowest `max(1, height // 20)` rows of the box, column by column, fills
    the rows from `u // 2` above the box's lower edge to `u // 2` below it, `2 (u // 2) + 1` rows in
    all, of which those beyond the image are left out. Blurred with radius `u`, it becomes
    `round(0.6 * blurred)`.
    """
    alpha = alpha_of(pixels)
    box = _solid(alpha)
    if box is None:
        return pixels
    unit = _unit(box)
    foot = alpha[box.bottom - max(1, box.height // FOOT) : box.bottom].max(axis=0)
    ground = np.zeros_like(alpha)
    half = unit // 2
    ground[max(0, box.bottom - half) : box.bottom + half + 1] = foot
    return _over(pixels, _times(blur(ground, unit), CONTACT), BLACK)


def _solid(alpha: Matte) -> Box | None:
    """Return the box around all that has an alpha of 128 or more, specks included."""
    rectangle = cv2.boundingRect((alpha >= SOLID).view(np.uint8))
    return Box(*rectangle) if rectangle[2] else None


def _unit(box: Box) -> int:
    return max(1, (max(box.size) + UNITS // 2) // UNITS)


def _ring(alpha: Matte, width: int) -> Matte:
    """Return the alpha of an outline of `width` pixels.

    It is right wherever `alpha` shows everything within `width` pixels.
    """
    is_empty = (alpha < SOLID).view(np.uint8)
    # Without a pixel to measure from, distanceTransform gives no distances.
    if is_empty.all():
        return np.zeros_like(alpha)
    # Exact: the page computes the same alpha to the bit.
    distance = cv2.distanceTransform(is_empty, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip(np.float32(width + 0.5) - distance, 0, 1, dtype=np.float32)
    return np.asarray(cv2.convertScaleAbs(share, alpha=255), np.uint8)


def _times(plane: Matte, opacity: float) -> Matte:
    return np.asarray(cv2.convertScaleAbs(plane, alpha=opacity), np.uint8)


def _over(pixels: Cutout, layer: Matte, color: NDArray[np.uint8]) -> Cutout:
    """Put a layer of one colour (4,) RGBA, of an alpha (H, W), under a cut-out, in place.

    With `l = round(layer * color alpha / 255)` and `m = round(l * (255 - a) / 255)`, the alpha `a`
    becomes `A = a + m`, and a colour `c` becomes `c + round((color - c) * m / A)`.
    """
    for rows in bands(pixels):
        here = layer[rows]
        if not cv2.hasNonZero(here):
            continue
        *planes, alpha = cv2.split(pixels[rows])
        seen = cv2.multiply(here, np.full_like(here, color[3]), scale=1 / 255)
        seen = cv2.multiply(seen, cv2.bitwise_not(alpha), scale=1 / 255)
        total = cv2.add(alpha, seen)
        # Where the total is 0, `seen` is too: the maximum only avoids 0 / 0.
        share = cv2.divide(seen, np.maximum(total, 1), dtype=cv2.CV_32F)
        mixed = [
            # In floats: a difference of uint8 would wrap around below 0.
            cv2.add(plane, (np.float32(value) - plane) * share, dtype=cv2.CV_8U)
            for plane, value in zip(planes, color, strict=False)
        ]
        pixels[rows] = cv2.merge([*mixed, total])
    return pixels
