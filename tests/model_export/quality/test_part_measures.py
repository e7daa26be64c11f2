"""Measures of parts against scikit-learn's figures."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.quality.part_measures import auc, confusion, part_scores


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
