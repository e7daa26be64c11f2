"""Picture and alpha to cut-out; cut-out on a background; crop and size."""

import cv2
import numpy as np
from numpy.typing import NDArray

from app.imaging.alpha import Matte, bounding_box
from app.imaging.preprocess import Image

Cutout = NDArray[np.uint8]


def cutout(image: Image, alpha: Matte, own_alpha: Matte | None = None) -> Cutout:
    """(H, W, 4) uint8 straight alpha, RGB 0 where alpha is 0."""
    if own_alpha is not None:
        alpha = np.asarray(cv2.multiply(alpha, own_alpha, scale=1 / 255), np.uint8)
    pixels = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), np.uint8)
    pixels[:, :, 3] = alpha
    pixels[alpha == 0] = 0
    return pixels


def on_color(pixels: Cutout, color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A cut-out on a colour (4,) uint8 RGBA: (H, W, 3), or (H, W, 4) where the colour isn't opaque."""
    background = np.empty((*pixels.shape[:2], 3), np.uint8)
    background[:] = color[:3]
    return _over(pixels, background)


def on_picture(pixels: Cutout, background: Image) -> Image:
    """A cut-out on a picture, which is scaled to cover it: (H, W, 3)."""
    height, width = pixels.shape[:2]
    ratio = max(width / background.shape[1], height / background.shape[0])
    size = (max(width, round(background.shape[1] * ratio)), max(height, round(background.shape[0] * ratio)))
    covering = cv2.resize(background, size, interpolation=cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR)
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return _over(pixels, np.asarray(covering[top : top + height, left : left + width], np.uint8))


def _over(pixels: Cutout, background: Image) -> Image:
    alpha = pixels[:, :, 3:].astype(np.float32) / 255
    return np.asarray(np.rint(pixels[:, :, :3] * alpha + background * (1 - alpha)), np.uint8)


def crop_to_subject(pixels: Cutout, margin: float = 0.0) -> Cutout:
    """The part around the subject."""
    box = bounding_box(np.ascontiguousarray(pixels[:, :, 3]))
    if box is None:
        return pixels
    left, top, width, height = box
    room = round(margin * max(width, height))
    return np.ascontiguousarray(
        pixels[max(0, top - room) : top + height + room, max(0, left - room) : left + width + room]
    )


def limit_size(pixels: NDArray[np.uint8], longest: int | None) -> NDArray[np.uint8]:
    """Shrink so that the longer side is at most `longest`; never enlarges."""
    height, width = pixels.shape[:2]
    if longest is None or max(height, width) <= longest:
        return pixels
    ratio = longest / max(height, width)
    size = (max(1, round(width * ratio)), max(1, round(height * ratio)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
