"""A bundle's self-test: its golden sample must give the result in its manifest."""

import cv2
import numpy as np

from cutout.errors import BundleError, ClientError
from cutout.imaging.decode import decode, read_header
from cutout.imaging.preprocess import Image
from cutout.inference.predictor import Predictor

GRID = 8  # cells a side
MAX_PIXELS = 1_000_000  # of a golden sample


def golden_answer(predictor: Predictor, image: Image) -> list[float]:
    """Compute the values that a manifest records for its golden sample.

    `image` is (H, W, 3) uint8 RGB. Returns a classifier's probability (1 value), or a segmenter's
    alpha in [0, 1] averaged over an 8x8 grid (64 values, row by row).
    """
    if predictor.manifest.task == "classify":
        return [predictor.probability(image)]
    prepared = predictor.prepare(image)
    alpha = predictor.assemble(prepared, predictor.predict(prepared))
    grid = cv2.resize(alpha, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return [float(value) for value in grid.ravel()]


def check_golden(predictor: Predictor) -> None:
    """Run a predictor on its golden sample, and compare the result with the manifest's.

    Raises BundleError where the sample cannot be read, or the result is NaN or beyond the
    tolerance.
    """
    name = predictor.manifest.name
    golden = predictor.manifest.golden
    try:
        png = golden.png()
        image = decode(png, read_header(png, MAX_PIXELS)).image
    except (ClientError, ValueError) as error:
        raise BundleError(f"{name}: cannot read the golden sample: {error}") from error
    answer = golden_answer(predictor, image)
    if len(answer) != len(golden.expected):
        raise BundleError(
            f"{name}: the golden sample gives {len(answer)} values; the manifest has "
            f"{len(golden.expected)}"
        )
    difference = float(np.max(np.abs(np.subtract(answer, golden.expected))))
    if not difference <= golden.tolerance:  # true for NaN, too
        raise BundleError(
            f"{name}: the golden sample differs by {difference:.4g}; the tolerance is "
            f"{golden.tolerance:.4g}"
        )
