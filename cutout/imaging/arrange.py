"""Where the subject sits: pictures made smaller, regions, crops with room around them, scale and position."""

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.alpha import Matte, bounding_box
from cutout.imaging.codec import Picture
from cutout.imaging.compose import Cutout, resize_cutout
from cutout.imaging.preprocess import resize
from cutout.options.lengths import Margins


def fitting_size(width: int, height: int, megapixels: float | None) -> tuple[int, int]:
    """The largest (width, height) of these proportions with at most so many megapixels; never larger than given."""
    if megapixels is None or width * height <= megapixels * 1e6:
        return width, height
    ratio = math.sqrt(megapixels * 1e6 / (width * height))
    # 1000 x 640 at 0.25 MP is 625 x 400 to the pixel: a float just below that must not cost a column.
    return max(1, math.floor(width * ratio + 1e-6)), max(1, math.floor(height * ratio + 1e-6))


def within(picture: Picture, width: int, height: int) -> Picture:
    """The picture with arrays of that size."""
    if picture.image.shape[:2] == (height, width):
        return picture
    if picture.alpha is None:
        return replace(picture, image=resize(picture.image, width, height))
    visible = cv2.copyTo(picture.image, picture.alpha)  # what is hidden must have no part in the colours beside it
    pixels = resize_cutout(np.dstack([visible, picture.alpha]), width, height)
    image, alpha = np.ascontiguousarray(pixels[:, :, :3]), np.ascontiguousarray(pixels[:, :, 3])
    image[alpha == 0] = 255
    return replace(picture, image=image, alpha=alpha)


def only_in(alpha: Matte, box: tuple[int, int, int, int], width: int, height: int) -> Matte:
    """The alpha of the region `box` (left, top, right, bottom), put back into a picture that is empty elsewhere."""
    left, top, right, bottom = box
    whole = np.zeros((height, width), np.uint8)
    whole[top:bottom, left:right] = alpha
    return whole


def crop_box(pixels: Cutout, margins: Margins) -> tuple[int, int, int, int] | None:
    """(left, top, width, height) of the subject with that room around it, which may reach beyond the picture; or None
    for no subject."""
    box = subject_box(pixels)
    if box is None:
        return None
    left, top, width, height = box
    above, right, below, before = margins.around(width, height)
    return left - before, top - above, width + before + right, height + above + below


def crop(pixels: Cutout, box: tuple[int, int, int, int]) -> Cutout:
    """The part in a box (left, top, width, height), transparent where the picture ends."""
    left, top, width, height = box
    canvas = np.zeros((height, width, 4), np.uint8)
    _paste(canvas, pixels, -left, -top)
    return canvas


def place(pixels: Cutout, scale: float | None, position: tuple[float, float] | None) -> Cutout:
    """Scale the subject to a share of the canvas, and move it there; itself where there is no subject.

    `position` is the share of the free room at the subject's left and above it; None keeps the subject where it is.
    """
    box = None if scale is None and position is None else subject_box(pixels)
    if box is None:
        return pixels
    left, top, width, height = box
    canvas = np.zeros_like(pixels)
    rows, columns = canvas.shape[:2]
    subject = pixels[top : top + height, left : left + width]
    if scale is not None:
        ratio = scale * min(columns / width, rows / height)
        size = (min(columns, max(1, round(width * ratio))), min(rows, max(1, round(height * ratio))))
        left, top = left + (width - size[0]) // 2, top + (height - size[1]) // 2
        subject = resize_cutout(subject, *size)
    free = (columns - subject.shape[1], rows - subject.shape[0])
    if position is not None:
        left, top = round(free[0] * position[0]), round(free[1] * position[1])
    _paste(canvas, subject, min(max(left, 0), free[0]), min(max(top, 0), free[1]))
    return canvas


def subject_box(pixels: Cutout) -> tuple[int, int, int, int] | None:
    """(left, top, width, height) of the subject of a cut-out (H, W, 4), or None for none."""
    return bounding_box(np.asarray(cv2.extractChannel(pixels, 3), np.uint8))


def _paste(canvas: NDArray[np.uint8], pixels: NDArray[np.uint8], left: int, top: int) -> None:
    """Copy `pixels` onto `canvas` with their corner at (left, top), which may lie outside of it."""
    rows = slice(max(0, top), min(canvas.shape[0], top + pixels.shape[0]))
    columns = slice(max(0, left), min(canvas.shape[1], left + pixels.shape[1]))
    canvas[rows, columns] = pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
