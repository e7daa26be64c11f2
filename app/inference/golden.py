"""A bundle checks itself: its golden sample in, and out must come what the manifest says."""

import cv2
import numpy as np

from app.errors import BundleError
from app.imaging.codec import decode
from app.imaging.preprocess import Image
from app.inference.predictor import Predictor

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
    """Raises BundleError where the answer to the golden sample is further off than its tolerance."""
    golden = predictor.manifest.golden
    answer = golden_answer(predictor, decode(golden.png(), MAX_PIXELS).image)
    if len(answer) != len(golden.expected):
        raise BundleError(f"{predictor.manifest.name}: {len(answer)} golden values, expected {len(golden.expected)}")
    difference = float(np.max(np.abs(np.subtract(answer, golden.expected))))
    if difference > golden.tolerance:
        raise BundleError(
            f"{predictor.manifest.name}: the golden sample is off by {difference:.4g}, allowed {golden.tolerance:.4g}"
        )
