"""Our measures against the field's own libraries.

The expected figures are those of PySODMetrics 1.6.2 (with `normalize=False`: an alpha is not stretched) and
scikit-learn 1.9.1 on the same arrays. Neither is installed here: the one pins OpenCV below 5, the other would add
150 MB for one function.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.quality.measures import MaskScore, s_measure
from model_export.quality.part_measures import auc, confusion, part_scores

S_MEASURES = (0.778103, 0.344286, 0.571101, 1.0)


def cases() -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """A soft blob beside its disc, stripes, a mixture of both on two objects, and a perfect answer."""
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


def parts() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    places = np.arange(40)
    labels = (places * 7 % 5 < 2).astype(np.int64)
    return labels, (places * 11 % 17 + 3 * labels) / 20.0


def test_parts_as_scikit_learn() -> None:
    scores = part_scores(*parts())
    expected = {
        "loss": 0.6337113,
        "auc": 0.6783854,
        "balanced_accuracy": 0.6041667,
        "precision": 0.5,
        "recall": 0.625,
    }
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert scores["accuracy"] == pytest.approx(confusion(*parts()).trace() / 40)


def test_unbalanced_parts_show_in_balanced_accuracy_only() -> None:
    labels, lazy = np.array([0] * 20 + [1]), np.zeros(21)
    scores = part_scores(labels, lazy)
    assert scores["accuracy"] == pytest.approx(20 / 21)
    assert (scores["balanced_accuracy"], scores["recall"], scores["auc"]) == (0.5, 0.0, 0.5)


def test_a_single_class_and_sure_mistakes_give_numbers() -> None:
    labels = np.ones(3, np.int64)
    assert auc(labels, np.array([0.1, 0.2, 0.3])) == 0.5
    assert part_scores(labels, np.zeros(3))["loss"] == pytest.approx(16.118, abs=1e-3)
