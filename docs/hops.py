"""The images of docs/how-it-works.md, one for each hop, by the shipped segmenter.

python -m docs.hops
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging import compose
from cutout.imaging import mask as masks
from cutout.imaging.decode import decode, read_header
from cutout.imaging.preprocess import fit, resize
from cutout.inference.onnx_predictor import load_predictor
from cutout.settings import SHIPPED_MODELS

ROOT = Path(__file__).parent.parent
PHOTOGRAPH = ROOT / "tests" / "data" / "photographs" / "cat.jpg"
IMAGES = ROOT / "docs" / "images"
GREEN = np.array((0, 132, 80, 255), np.uint8)
CLOSE_UP = (slice(0, 110), slice(290, 451))  # an ear and a cheek against the old background
ENLARGED = 2


def main() -> None:
    """Make every image, and write it."""
    predictor = load_predictor(SHIPPED_MODELS / "segmenter")
    upload = PHOTOGRAPH.read_bytes()
    image = decode(upload, read_header(upload, 1_000_000)).image
    canvas, _ = fit(image, predictor.manifest.preprocess)
    prepared = predictor.prepare(image)
    coarse = predictor.assemble(prepared, predictor.predict(prepared))
    stretched = masks.to_size(coarse, image.shape[1], image.shape[0])
    refined = masks.refine(coarse, image)
    cutout = compose.LazyCutout(image, refined).whole()
    raw = np.dstack([image, refined])
    write("1-upload", image)
    write("2-canvas", canvas)
    write("3-alpha", np.asarray(255 * coarse, np.uint8))
    write("4-refined", side_by_side(close_up(stretched), close_up(refined)))
    on_green = [close_up(compose.on_color(pixels, GREEN)) for pixels in (raw, cutout)]
    write("5-colours", side_by_side(*on_green))
    write("6-cutout", compose.on_color(cutout, GREEN))


def close_up(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Enlarge the ear and the cheek of an image (H, W, 3) or (H, W), uint8."""
    part = image[CLOSE_UP]
    return resize(np.ascontiguousarray(part), ENLARGED * part.shape[1], ENLARGED * part.shape[0])


def side_by_side(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put two images of one height, (H, W, 3) or (H, W), uint8, beside each other."""
    gap = np.full((left.shape[0], 8, *left.shape[2:]), 255, np.uint8)
    return np.hstack([left, gap, right])


def write(name: str, image: NDArray[np.uint8]) -> None:
    """Write an image (H, W, 3) RGB or (H, W) grey, uint8, as a JPEG."""
    target = IMAGES / f"hop-{name}.jpg"
    pixels = image if image.ndim == 2 else image[:, :, ::-1]
    cv2.imwrite(str(target), pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])
    print(target.relative_to(ROOT))


if __name__ == "__main__":
    main()
