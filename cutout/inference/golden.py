"""A bundle checks itself: its golden sample in, and out must come what the manifest says."""

import cv2
import numpy as np

from cutout.errors import BundleError, ClientError
from cutout.imaging.decode import decode, read_header
from cutout.imaging.preprocess import Image
from cutout.inference.predictor import Predictor

GRID = 8
MAX_PIXELS = 1_000_000


def golden_answer(predictor: Predictor, image: Image) -> list[float]:
    """What a manifest records: the probability of a classifier, or a segmenter's alpha averaged over an 8x8 grid."""
    if predictor.manifest.task == "classify":
        return [predictor.probability(image)]
    prepared = predictor.prepare(image)
    alpha = predictor.assemble(prepared, predictor.predict(prepared))
    grid = cv2.resize(alpha, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return [float(value) for value in grid.ravel()]


def check_golden(predictor: Predictor) -> None:
    """Raises BundleError where the answer to the golden sample is further off than its tolerance, or is no number."""
    name, golden = predictor.manifest.name, predictor.manifest.golden
    try:
        png = golden.png()
        image = decode(png, read_header(png, MAX_PIXELS)).image
    except (ClientError, ValueError) as error:
        raise BundleError(f"{name}: its golden sample cannot be read: {error}") from error
    answer = golden_answer(predictor, image)
    if len(answer) != len(golden.expected):
        raise BundleError(f"{name}: {len(answer)} golden values, expected {len(golden.expected)}")
    difference = float(np.max(np.abs(np.subtract(answer, golden.expected))))
    if not difference <= golden.tolerance:  # so that NaN is no pass
        raise BundleError(
            f"{name}: the golden sample is off by {difference:.4g}, allowed {golden.tolerance:.4g}"
        )
