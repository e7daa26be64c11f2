"""Operations on arrays that several decoders share: split, unpremultiply, orient."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.bands import bands

Pixels = NDArray[np.uint8]


def split(pixels: Pixels, order: str = "rgba") -> tuple[Pixels, Pixels]:
    """Split pixels (h, w, 4) uint8, RGBA or "bgra", into RGB (h, w, 3) and alpha (h, w)."""
    image = np.empty((*pixels.shape[:2], 3), np.uint8)
    alpha = np.empty(pixels.shape[:2], np.uint8)
    red, blue = (2, 0) if order == "bgra" else (0, 2)
    # Pairs of from and to; 3 is the first channel after the image's three, the alpha.
    cv2.mixChannels([pixels], [image, alpha], [red, 0, 1, 1, blue, 2, 3, 3])
    return image, alpha


def unpremultiply(image: Pixels, alpha: Pixels) -> None:
    """Divide colours (h, w, 3) uint8 by their alpha (h, w) uint8, in place."""
    for rows in bands(image):
        # OpenCV's division of whole numbers by 0 gives 0, and beyond 255 it stops there.
        planes = [cv2.divide(plane, alpha[rows], scale=255) for plane in cv2.split(image[rows])]
        image[rows] = cv2.merge(planes)


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation, 1 to 8, to an array (h, w) or (h, w, C) uint8; may be in place."""
    if orientation >= 5:
        pixels = np.asarray(cv2.transpose(pixels), np.uint8)
    # cv2.flip's codes: 1 left to right, 0 upside down, -1 both; 5 is the transposition alone.
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else np.asarray(cv2.flip(pixels, flip, dst=pixels), np.uint8)
