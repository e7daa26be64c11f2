"""The pieces of a report: curves, ranking, occlusion, images, histories."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from model_export.quality.part_measures import auc, confusion
from model_export.report.curves import (
    Curve,
    ScoreCounts,
    calibration,
    confusion_at,
    precision_recall,
    roc,
    thinned,
)

labels_and_scores = st.integers(2, 60).flatmap(
    lambda size: st.tuples(
        arrays.arrays(np.int64, size, elements=st.integers(0, 1)).filter(
            lambda labels: 0 < labels.sum() < len(labels)
        ),
        arrays.arrays(
            np.float64, size, elements=st.sampled_from([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1])
        ),
    )
)


@given(labels_and_scores)
def test_curves_agree_with_the_measures(
    given: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    labels, scores = given
    counts = ScoreCounts.of_labels(labels, scores)
    assert roc(counts).area == pytest.approx(auc(labels, scores))
    np.testing.assert_array_equal(confusion_at(counts, 0.5), confusion(labels, scores, 0.5))
    for threshold in np.unique(scores):
        table = confusion(labels, scores, float(threshold))
        place = np.flatnonzero(counts.scores[::-1] == threshold)[0]
        curve = precision_recall(counts)
        assert curve.x[place] == pytest.approx(table[1, 1] / table[1].sum())
        assert curve.y[place] == pytest.approx(table[1, 1] / table[:, 1].sum())


def test_average_precision_is_that_of_the_textbook() -> None:
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    assert precision_recall(ScoreCounts.of_labels(labels, scores)).area == pytest.approx(
        0.5 + 0.5 * 2 / 3
    )


def test_calibration_error_is_the_distance_of_scores_from_frequencies() -> None:
    scores = np.array([0.15, 0.85])
    honest = ScoreCounts(scores, np.array([85.0, 15.0]), np.array([15.0, 85.0]))
    assert calibration(honest).ece == pytest.approx(0, abs=1e-12)
    too_sure = ScoreCounts(scores, np.array([75.0, 25.0]), np.array([25.0, 75.0]))
    assert calibration(too_sure).ece == pytest.approx(0.1)
    np.testing.assert_allclose(calibration(too_sure).frequency, [0.25, 0.75])


def test_a_thinned_curve_keeps_its_ends_and_its_corner() -> None:
    x = np.concatenate([np.zeros(5000), np.linspace(0, 1, 5000)])
    y = np.concatenate([np.linspace(0, 1, 5000), np.ones(5000)])
    thin = thinned(Curve(x, y, 1.0), 100)
    assert len(thin.x) <= 102
    assert (thin.x[0], thin.y[0], thin.x[-1], thin.y[-1]) == (0, 0, 1, 1)
    assert float(np.hypot(thin.x, thin.y - 1).min()) < 0.03
