"""Our measures against the field's own libraries.

The expected figures are those of PySODMetrics 1.6.2 (with `normalize=False`: an alpha is not
stretched) and scikit-learn 1.9.1 on the same arrays. Neither is installed here: the one pins OpenCV
below 5, the other would add 150 MB for one function.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.quality.measures import MaskScore, s_measure

S_MEASURES = (0.778103, 0.344286, 0.571101, 1.0)


def cases() -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """A soft blob beside its disc, stripes, a mixture of both on two objects, and a perfect
    answer.
    """
    rows, columns = np.mgrid[0:48, 0:64]
    disc = np.hypot(columns - 30, rows - 20) < 14
    soft = np.clip(1.2 - np.hypot(columns - 34, rows - 23) / 16, 0, 1)
    stripes = ((rows * 7 + columns * 13) % 256) / 255
    box = (rows > 30) & (columns > 5) & (columns < 20)
    alphas = [
        (soft, disc),
        (stripes, box),
        (0.5 * soft + 0.5 * stripes, disc | box),
        (disc * 1.0, disc),
    ]
    return [(np.rint(255 * alpha).astype(np.uint8), truth) for alpha, truth in alphas]


def test_masks_as_pysodmetrics() -> None:
    score = MaskScore()
    for alpha, truth in cases():
        score.add(alpha, np.where(truth, 255, 0).astype(np.uint8))
    measured = (score.mae, score.max_f, score.iou, score.s_measure)
    assert measured == pytest.approx((0.2374876, 0.6807663, 0.5044435, 0.6733725), abs=1e-6)
    assert [s_measure(alpha, truth) for alpha, truth in cases()] == pytest.approx(
        S_MEASURES, abs=1e-6
    )


def test_s_measure_of_an_empty_and_a_full_mask() -> None:
    alpha = np.full((4, 5), 51, np.uint8)
    assert s_measure(alpha, np.zeros((4, 5), bool)) == pytest.approx(0.8)
    assert s_measure(alpha, np.ones((4, 5), bool)) == pytest.approx(0.2)
