"""The README's image, `python -m benchmarks.before_after`, made by the shipped bundles in 3 s.

Each photograph of tests/data/photographs beside its cut-out on a checkerboard, in
docs/images/before-after.jpg.
"""

from pathlib import Path

import cv2
import numpy as np

from cutout import Remover
from cutout.imaging.compose import on_image
from cutout.imaging.decode import decode, read_header
from cutout.imaging.preprocess import Image, resize

ROOT = Path(__file__).parent.parent
PHOTOGRAPHS = ("cat.jpg", "astronaut.jpg", "coffee.jpg")
HEIGHT = 280  # pixels, as the others
SQUARE = 14  # of the checkerboard
GAP = 8  # between photographs


def checkerboard(height: int, width: int) -> Image:
    """Return a checkerboard (height, width, 3) uint8 RGB."""
    rows, columns = np.mgrid[0:height, 0:width] // SQUARE
    shade = np.where((rows + columns) % 2, 235, 255).astype(np.uint8)
    return np.repeat(shade[:, :, np.newaxis], 3, axis=2)


def main() -> None:
    """Write the image."""
    remover = Remover()
    strip = []
    for name in PHOTOGRAPHS:
        path = ROOT / "tests" / "data" / "photographs" / name
        upload = path.read_bytes()
        before = decode(upload, read_header(upload, 10**7)).image
        after = on_image(remover.cut_out(before), checkerboard(*before.shape[:2]))
        width = round(before.shape[1] * HEIGHT / before.shape[0])
        gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
        strip += [resize(before, width, HEIGHT), resize(after, width, HEIGHT), gap]
    image = np.hstack(strip[:-1])
    target = ROOT / "docs" / "images" / "before-after.jpg"
    target.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(target), image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
