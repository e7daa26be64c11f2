"""The golden image, by which every bundle checks itself: synthetic, so it has no copyright."""

import base64

import cv2
import numpy as np

from cutout.imaging.preprocess import Image
from cutout.inference.golden import golden_answer
from cutout.inference.manifest import Golden
from cutout.inference.predictor import Predictor

WIDTH, HEIGHT = 96, 72
# By precision; kernels differ a little between processors.
TOLERANCE = {"float32": 1e-3, "float16": 1e-2, "uint8": 0.05}


def unanswered_golden(precision: str) -> Golden:
    """Return the golden sample for a manifest whose network has not run yet."""
    image = base64.b64encode(golden_png()).decode()
    # a manifest must expect something; `answered_golden` replaces it
    return Golden(image=image, expected=(0.0,), tolerance=TOLERANCE[precision])


def answered_golden(predictor: Predictor) -> Golden:
    """Return the golden sample with the result of this network, for its manifest."""
    expected = tuple(round(value, 6) for value in golden_answer(predictor, golden_image()))
    return unanswered_golden(predictor.manifest.model.precision).model_copy(
        update={"expected": expected}
    )


def golden_image() -> Image:
    """Draw a shaded ball with a stripe in front of a sky and a meadow: (72, 96, 3) uint8 RGB.

    It is the same on every machine.
    """
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    sky = np.stack([150 + rows, 185 + rows / 2, 235 - rows / 3], axis=-1)
    meadow = np.stack(
        [
            70 + 8 * ((rows + columns) % 5),
            120 + 9 * ((2 * rows + columns) % 4),
            np.full_like(rows, 55),
        ],
        -1,
    )
    image = np.where((rows > 44)[:, :, np.newaxis], meadow, sky)
    distance = np.hypot(columns - 50, rows - 38) / 22
    light = np.clip(1.15 - np.hypot(columns - 43, rows - 30) / 34, 0.2, 1)
    ball = np.stack([225 * light, 60 * light, 45 * light], axis=-1)
    ball[np.abs(rows - 38 - (columns - 50) / 3) < 4] = (240, 235, 215)
    return np.where((distance < 1)[:, :, np.newaxis], ball, image).clip(0, 255).astype(np.uint8)


def golden_png() -> bytes:
    """Return the golden image as a PNG."""
    written, data = cv2.imencode(".png", np.ascontiguousarray(golden_image()[:, :, ::-1]))
    assert written
    return data.tobytes()
