"""`python -m benchmarks.before_after`: the README's picture, made by the shipped bundles. About three seconds.

Each photograph of tests/data/photographs beside its cut-out on a checkerboard, in docs/images/before-after.jpg.
"""

from pathlib import Path

import cv2
import numpy as np

from app.main import load_bundles
from app.settings import Settings
from cutout.imaging import codec, compose
from cutout.imaging.preprocess import Image, resize
from cutout.inference.registry import Registry
from cutout.options import CutoutOptions
from cutout.remover import Remover
from cutout.system.clock import Clock

ROOT = Path(__file__).parent.parent
PHOTOGRAPHS = ("cat.jpg", "astronaut.jpg", "coffee.jpg")
HEIGHT, SQUARE, GAP = 280, 14, 8


def checkerboard(height: int, width: int) -> Image:
    rows, columns = np.mgrid[0:height, 0:width] // SQUARE
    shade = np.where((rows + columns) % 2, 235, 255).astype(np.uint8)
    return np.repeat(shade[:, :, np.newaxis], 3, axis=2)


def main() -> None:
    registry = Registry()
    settings = Settings()
    registry.use(load_bundles(settings))
    remover = Remover(registry, settings.max_pixels)
    strip = []
    for name in PHOTOGRAPHS:
        upload = (ROOT / "tests" / "data" / "photographs" / name).read_bytes()
        before = codec.decode(upload, settings.max_pixels).image
        cutout = codec.decode(remover.cut_out(upload, CutoutOptions(), Clock()).data, settings.max_pixels)
        assert cutout.alpha is not None
        pixels = np.dstack([cutout.image, cutout.alpha])
        after = compose.on_picture(pixels, checkerboard(*before.shape[:2]))
        width = round(before.shape[1] * HEIGHT / before.shape[0])
        gap = np.full((HEIGHT, GAP, 3), 255, np.uint8)
        strip += [resize(before, width, HEIGHT), resize(after, width, HEIGHT), gap]
    picture = np.hstack(strip[:-1])
    target = ROOT / "docs" / "images" / "before-after.jpg"
    target.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(target), picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
