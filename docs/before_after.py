"""The image at the top of both READMEs: photographs and their cut-outs, by the shipped segmenter.

python -m docs.before_after
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout import Remover
from cutout.imaging.compose import on_image
from cutout.imaging.decode import decode, read_header
from cutout.imaging.preprocess import resize
from cutout.settings import SHIPPED_MODELS
from docs.hops import IMAGES, PHOTOGRAPH

NAMES = ("cat", "astronaut", "coffee")
HEIGHT = 280
GAP = 12  # pixels between two photographs
SQUARE = 14  # pixels of a side of the board's squares
LIGHT, DARK = 255, 230


def main() -> None:
    """Make the image, and write it."""
    remover = Remover(SHIPPED_MODELS)
    gap = np.full((HEIGHT, GAP, 3), LIGHT, np.uint8)
    parts: list[NDArray[np.uint8]] = []
    for name in NAMES:
        upload = PHOTOGRAPH.with_stem(name).read_bytes()
        image = decode(upload, read_header(upload, 1_000_000)).image
        cutout = remover.cut_out(image)
        width = round(image.shape[1] * HEIGHT / image.shape[0])
        board = on_image(cutout, _board(image.shape[1], image.shape[0]))
        parts += [gap, *(resize(each, width, HEIGHT) for each in (image, board))]
    row = cv2.cvtColor(np.hstack(parts[1:]), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(IMAGES / "before-after.jpg"), row, [cv2.IMWRITE_JPEG_QUALITY, 90])


def _board(width: int, height: int) -> NDArray[np.uint8]:
    """Return a checkerboard (height, width, 3) uint8 RGB, as editors show transparency."""
    rows, columns = np.indices((height, width)) // SQUARE
    grey = np.where((rows + columns) % 2, DARK, LIGHT).astype(np.uint8)
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


if __name__ == "__main__":
    main()
