"""Where the subject sits on the canvas: crops with margins around it, its scale and position."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.box import Box, Size
from cutout.imaging.compose import Cutout
from cutout.imaging.preprocess import Matte
from cutout.imaging.straight_alpha import resize_cutout
from cutout.imaging.subject import bounding_box


def embed(alpha: Matte, box: Box, size: Size) -> Matte:
    """Put the alpha of a region into an alpha of the whole image that is 0 elsewhere.

    `alpha` is (h, w) uint8, as large as `box`, which lies inside an image of `size` pixels. Returns
    (H, W) uint8.
    """
    whole = np.zeros((size.height, size.width), np.uint8)
    whole[box.rows, box.columns] = alpha
    return whole


def subject_box(pixels: Cutout) -> Box | None:
    """Find the box, in pixels, of the subject of a cut-out (H, W, 4) uint8 RGBA; None for none."""
    return bounding_box(np.asarray(cv2.extractChannel(pixels, 3), np.uint8))


def crop(pixels: Cutout, box: Box) -> Cutout:
    """Crop a cut-out to a box, transparent where the box reaches beyond it.

    `pixels` is (H, W, 4) uint8 RGBA. Returns (box.height, box.width, 4) uint8 RGBA.
    """
    canvas = np.zeros((box.height, box.width, 4), np.uint8)
    # Pasted, not sliced: a box may begin at a negative column, which would count from the end.
    paste(canvas, pixels, -box.left, -box.top)
    return canvas


def scale_and_move(
    pixels: Cutout, scale: float | None, position: tuple[float, float] | None
) -> Cutout:
    """Scale the subject of a cut-out to a share of the canvas, and move it there.

    `pixels` and the result are (H, W, 4) uint8 RGBA, of one size. `scale`, above 0 and up to 1, is
    the share of the canvas that the box of the subject fills, along the side that fills it first;
    None keeps its size. `position` is how the free space is divided, across and down, from 0 (all
    of it at the right, or below) to 1 (all of it at the left, or above); None keeps the subject
    where it is. A cut-out without a subject is returned as it is.
    """
    box = None if scale is None and position is None else subject_box(pixels)
    if box is None:
        return pixels
    canvas = np.zeros_like(pixels)
    rows, columns = canvas.shape[:2]
    left, top = box.left, box.top
    # What the box leaves out, such as specks, is gone from here on.
    subject = pixels[box.rows, box.columns]
    if scale is not None:
        ratio = scale * min(columns / box.width, rows / box.height)
        # A thin subject may round to 0 pixels, a size that cv2.resize refuses.
        width = min(columns, max(1, round(box.width * ratio)))
        height = min(rows, max(1, round(box.height * ratio)))
        left += (box.width - width) // 2
        top += (box.height - height) // 2
        subject = resize_cutout(subject, width, height)
    free = (columns - subject.shape[1], rows - subject.shape[0])
    if position is not None:
        left = round(free[0] * position[0])
        top = round(free[1] * position[1])
    # Enlarged near a border it would reach beyond the canvas, and be clipped there.
    paste(canvas, subject, min(max(left, 0), free[0]), min(max(top, 0), free[1]))
    return canvas


def paste(canvas: NDArray[np.uint8], pixels: NDArray[np.uint8], left: int, top: int) -> None:
    """Copy pixels onto a canvas, in place, and clip what lies outside of it.

    `canvas` (H, W, C) and `pixels` (h, w, C) are uint8. The top left corner of `pixels` comes to
    column `left` and row `top`, either of which may be negative.
    """
    rows = slice(max(0, top), min(canvas.shape[0], top + pixels.shape[0]))
    columns = slice(max(0, left), min(canvas.shape[1], left + pixels.shape[1]))
    canvas[rows, columns] = pixels[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ]
