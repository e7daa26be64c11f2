"""Small images that are part of a report's page, as data URIs."""

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Image, Matte
from model_export.data.dataset import Mask

MAX_SIDE = 240  # pixels of the longer side; shown at half that on fine screens
OUTLINE = (255, 0, 170)  # a colour that photographs seldom have
FOR = (225, 85, 20)  # RGB: of pixels that speak for foreground
AGAINST = (40, 95, 215)  # RGB: of pixels that speak against it
FADED = 0.82  # share of white
QUALITY = 78  # of WebP


def data_uri(image: NDArray[np.uint8]) -> str:
    """Encode an image (H, W, 3) RGB or (H, W) grey, uint8, as a WebP in a data URI."""
    bgr = image[:, :, ::-1] if image.ndim == 3 else image
    written, data = cv2.imencode(
        ".webp", np.ascontiguousarray(bgr), [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
    )
    assert written
    return f"data:image/webp;base64,{base64.b64encode(data.tobytes()).decode()}"


def faded(image: Image, mask: Mask) -> Image:
    """Fade everything but the mask's foreground to white.

    `image` and the result are (H, W, 3) uint8 RGB, `mask` is (H, W) uint8.
    """
    keep = mask.astype(np.float32)[:, :, np.newaxis] / 255
    white = image * (1 - FADED) + 255 * FADED
    return np.asarray(np.rint(image * keep + white * (1 - keep)), np.uint8)


def with_outline(gray: Matte, mask: Mask) -> Image:
    """Draw the outline of the true mask, two pixels wide, on an alpha.

    `gray` and `mask` are (H, W) uint8. Returns (H, W, 3) uint8 RGB.
    """
    image = np.repeat(gray[:, :, np.newaxis], 3, axis=2)
    contours, _ = cv2.findContours(
        np.asarray(mask >= 128, np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE
    )
    cv2.drawContours(image, contours, -1, OUTLINE, 2)
    return np.asarray(image, np.uint8)


def shown(sample: NDArray[np.float32]) -> Image:
    """Scale a network's input (H, W, C) float32 of any range to an image (H, W, 3) uint8."""
    low, high = float(sample.min()), float(sample.max())
    gray = np.asarray(np.rint(255 * (sample - low) / max(high - low, 1e-6)), np.uint8)
    return np.repeat(gray, 3, axis=2) if gray.shape[2] == 1 else gray


def heat(image: Image, influence: NDArray[np.float32], strongest: float) -> Image:
    """Colour an image by the influence of its pixels: orange for foreground, blue against it.

    `image` is (H, W, 3) uint8 RGB, `influence` (H, W) float32, above 0 for foreground. Full colour
    is reached at `strongest`. Returns (H, W, 3) uint8 RGB.
    """
    gray = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, np.newaxis], 3, axis=2)
    strength = np.clip(np.abs(influence) / max(strongest, 1e-6), 0, 1)[:, :, np.newaxis] * 0.8
    color = np.where(influence[:, :, np.newaxis] >= 0, np.array(FOR), np.array(AGAINST))
    return np.asarray(np.rint(gray * (1 - strength) + color * strength), np.uint8)
