"""Composites for training that cut-outs alone do not make: holes, shadows, reflections, edges.

All functions take a numpy Generator, so that a seed repeats a composite pixel for pixel.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cutout.imaging.preprocess import Image, resize

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

DRAWN = 512  # side at which shapes are drawn; they are shrunk to half, which smooths their edges
LETTERS = "ABDOPQR046890&@"  # those with a hole in them
WHITE = 255
CLOSED = 0.5  # share of the shapes whose holes are closed
UNLIKE = 25  # levels of 255 by which a closed hole differs from the background


class Cutout(NamedTuple):
    """A foreground to paste elsewhere.

    `pixels` is (h, w, 4) uint8 RGBA with straight alpha. `cut` says on which of its sides (left,
    top, right, bottom) the edge of its image cut it off.
    """

    pixels: Pixels
    cut: tuple[bool, bool, bool, bool] = (False, False, False, False)


def with_hole(texture: Image, ground: Image, rng: Generator) -> Cutout:
    """Draw a ring, a frame, a letter or a wheel, through whose holes the background shows.

    It is filled with one shaded colour, or with a part of `texture` (H, W, 3) uint8 RGB. In every
    other one the holes are closed with a colour that `ground` (h, w, 3) uint8 RGB, the background
    to be, does not have: else whatever has a rim would be taken for a ring, as a ball was.
    """
    shapes = (_ring, _frame, _letter, _wheel)
    alpha = shapes[int(rng.integers(len(shapes)))](rng)
    alpha = resize(alpha, DRAWN // 2, DRAWN // 2)
    left, top, width, height = cv2.boundingRect(alpha)
    alpha = alpha[top : top + height, left : left + width]
    plain = rng.random() < 0.5
    fill = resize(plain_ground(max(width, height), rng) if plain else texture, width, height)
    if rng.random() < CLOSED:
        return _closed(fill, alpha, ground, rng)
    return Cutout(np.dstack([fill, alpha]))


def plain_ground(side: int, rng: Generator) -> Image:
    """Return a background (side, side, 3) uint8 RGB of one colour, brighter on one side.

    Every other one is white.
    """
    color = np.full(3, 255.0) if rng.random() < 0.5 else rng.uniform(0, 255, 3)
    angle = rng.uniform(0, 2 * np.pi)
    fall = rng.uniform(0, 0.3)
    ramp = np.linspace(-0.5, 0.5, side)
    slope = ramp[np.newaxis] * np.cos(angle) + ramp[:, np.newaxis] * np.sin(angle)
    # the slope is within .7, half of the diagonal: light goes from about 1 - fall to 1
    light = 1 - fall * (slope + 0.7) / 1.4
    return np.asarray(np.clip(light[:, :, np.newaxis] * color, 0, 255), np.uint8)


def _closed(fill: Image, alpha: Pixels, ground: Image, rng: Generator) -> Cutout:
    """Close the holes of a shape with another colour than the ground's."""
    height, width = alpha.shape
    behind = ground.mean(axis=(0, 1))
    inside = plain_ground(max(width, height), rng)
    while np.abs(inside.mean(axis=(0, 1)) - behind).max() < UNLIKE:
        inside = plain_ground(max(width, height), rng)
    share = alpha[:, :, np.newaxis].astype(np.float32) / WHITE
    mixed = share * fill + (1 - share) * resize(inside, width, height)
    outlines, _ = cv2.findContours(
        (alpha >= 128).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    solid = cv2.drawContours(np.zeros_like(alpha), outlines, -1, WHITE, cv2.FILLED)
    return Cutout(np.dstack([np.rint(mixed).astype(np.uint8), np.maximum(alpha, solid)]))


def beyond(cutout: Cutout, rng: Generator) -> Cutout:
    """Cut a sixth to a half off one side of a whole cut-out: pasted, it reaches past the frame."""
    if any(cutout.cut):
        return cutout
    side = int(rng.integers(4))
    share = rng.uniform(1 / 6, 1 / 2)
    height, width = cutout.pixels.shape[:2]
    off = round(share * (height if side % 2 else width))
    rows, columns = slice(off if side == 1 else 0, height), slice(off if side == 0 else 0, width)
    if side == 2:
        columns = slice(0, width - off)
    elif side == 3:
        rows = slice(0, height - off)
    pixels = cutout.pixels[rows, columns]
    if not pixels[:, :, 3].any():
        return cutout
    left, top, right, bottom = (number == side for number in range(4))
    return Cutout(np.ascontiguousarray(pixels), (left, top, right, bottom))


def with_shadow(ground: Floats, subject: Pixels, rng: Generator) -> Floats:
    """Draw a shadow or a reflection of a subject on a background.

    `ground` and the result are (S, S, 3) float32 RGB, 0 to 255; `subject` is (S, S, 4) uint8 RGBA,
    where it will lie. Neither shadow nor reflection counts as foreground.
    """
    if not subject[:, :, 3].any():
        return ground
    return (
        _shadowed(ground, subject, rng) if rng.random() < 0.6 else _mirrored(ground, subject, rng)
    )


def _shadowed(ground: Floats, subject: Pixels, rng: Generator) -> Floats:
    """Draw a shadow: the outline, flattened and slanted about its foot, soft and dark."""
    side = len(subject)
    flat = rng.uniform(0.1, 0.7)
    slant = rng.uniform(-1.2, 1.2)
    dark = rng.uniform(0.2, 0.65)
    foot = _foot(subject)
    # output (x, y) of the outline's (x, y): up from the foot becomes aside and less far up
    matrix = np.array([[1, -slant, slant * foot], [0, flat, foot * (1 - flat)]], np.float32)
    outline = cv2.warpAffine(subject[:, :, 3], matrix, (side, side))
    soft = cv2.GaussianBlur(outline, (0, 0), float(side * rng.uniform(0.01, 0.06)))
    shade = 1 - np.float32(dark / 255) * soft.astype(np.float32)
    return np.asarray(ground * shade[:, :, np.newaxis], np.float32)


def _mirrored(ground: Floats, subject: Pixels, rng: Generator) -> Floats:
    """Draw a reflection: the subject upside down below its foot, fading, as on a polished table."""
    side = len(subject)
    foot = _foot(subject)
    matrix = np.array([[1, 0, 0], [0, -1, 2 * foot]], np.float32)
    image = cv2.warpAffine(subject, matrix, (side, side))
    down = np.clip((np.arange(side) - foot) / (0.5 * side), 0, 1)
    strength = rng.uniform(0.15, 0.5) * (1 - down) * (np.arange(side) >= foot)
    alpha = image[:, :, 3:].astype(np.float32) / 255 * strength[:, np.newaxis, np.newaxis]
    return np.asarray(ground + (image[:, :, :3] - ground) * alpha, np.float32)


def _foot(subject: Pixels) -> int:
    """Return the row of the subject's lowest pixel of foreground."""
    rows = np.flatnonzero((subject[:, :, 3] >= 128).any(axis=1))
    return int(rows[-1]) if rows.size else len(subject) - 1


def _blank() -> Pixels:
    return np.zeros((DRAWN, DRAWN), np.uint8)


def _ring(rng: Generator) -> Pixels:
    alpha = _blank()
    middle = (DRAWN // 2, DRAWN // 2)
    outer = (DRAWN // 2 - 8, int(DRAWN * rng.uniform(0.25, 0.48)))
    inner = tuple(round(axis * rng.uniform(0.5, 0.9)) for axis in outer)
    angle = float(rng.uniform(0, 180))
    cv2.ellipse(alpha, middle, outer, angle, 0, 360, WHITE, -1)
    cv2.ellipse(alpha, middle, inner, angle, 0, 360, 0, -1)
    return alpha


def _frame(rng: Generator) -> Pixels:
    alpha = _blank()
    width, height = rng.uniform(0.4, 0.65, 2) * DRAWN
    border = rng.uniform(0.06, 0.22) * min(width, height)
    angle = float(rng.uniform(-20, 20))
    for inset, value in ((0, WHITE), (border, 0)):
        box = ((DRAWN / 2, DRAWN / 2), (width - 2 * inset, height - 2 * inset), angle)
        cv2.fillConvexPoly(alpha, np.rint(cv2.boxPoints(box)).astype(np.int32), value)
    return alpha


def _letter(rng: Generator) -> Pixels:
    alpha = _blank()
    thick = int(rng.integers(12, 44))
    letter = LETTERS[int(rng.integers(len(LETTERS)))]
    font = cv2.FONT_HERSHEY_DUPLEX
    (width, height), _ = cv2.getTextSize(letter, font, 12, thick)
    corner = ((DRAWN - width) // 2, (DRAWN + height) // 2)
    cv2.putText(alpha, letter, corner, font, 12, WHITE, thick, cv2.LINE_AA)
    return alpha


def _wheel(rng: Generator) -> Pixels:
    alpha = _blank()
    middle = (DRAWN // 2, DRAWN // 2)
    radius = DRAWN // 2 - 8
    rim = int(DRAWN * rng.uniform(0.04, 0.12))
    # OpenCV draws a line's width half to either side
    cv2.circle(alpha, middle, radius - rim // 2, WHITE, rim)
    cv2.circle(alpha, middle, int(DRAWN * rng.uniform(0.04, 0.12)), WHITE, -1)
    spokes = int(rng.integers(3, 13))
    turn = rng.uniform(0, 2 * np.pi)
    for angle in turn + np.arange(spokes) * 2 * np.pi / spokes:
        end = (
            np.array(middle) + (radius - rim / 2) * np.array([np.cos(angle), np.sin(angle)])
        ).astype(int)
        cv2.line(alpha, middle, (int(end[0]), int(end[1])), WHITE, int(rng.integers(4, 20)))
    return alpha
