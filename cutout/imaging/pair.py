"""A cut-out as two small files in a ZIP, `color.jpg` and `alpha.png`: transparency without a large PNG."""

import io
import zipfile

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.codec import encode_jpeg, encode_png

RIM = 15
"""Side of the square, in pixels, over which colours reach out of the subject: about a JPEG block to every side."""


def encode_zip(pixels: NDArray[np.uint8]) -> bytes:
    """A cut-out (H, W, 4), or (H, W, 3) as fully opaque, as a ZIP of exactly `color.jpg` and `alpha.png`."""
    color, alpha = split(pixels)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # both are compressed already
        archive.writestr(zipfile.ZipInfo("color.jpg"), encode_jpeg(color))
        archive.writestr(zipfile.ZipInfo("alpha.png"), encode_png(alpha))
    return file.getvalue()


def split(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Colour (H, W, 3) and alpha (H, W). The subject's colours go on a little beyond its edge, so that JPEG doesn't
    mix the black of what is empty into it."""
    if pixels.shape[2] == 3:
        return pixels, np.full(pixels.shape[:2], 255, np.uint8)
    alpha = np.ascontiguousarray(pixels[:, :, 3])
    full = np.asarray(alpha > 0, np.uint8)
    count = cv2.boxFilter(full, cv2.CV_16U, (RIM, RIM), normalize=False)
    color = np.ascontiguousarray(pixels[:, :, :3])
    for channel in range(3):
        total = cv2.boxFilter(color[:, :, channel] * full, cv2.CV_16U, (RIM, RIM), normalize=False)
        np.copyto(color[:, :, channel], cv2.divide(total, count, dtype=cv2.CV_8U), where=full == 0)
    return color, alpha
