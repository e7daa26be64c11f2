"""Measures of a classifier of parts, as usual for a binary one, on arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Probabilities = NDArray[np.floating[Any]]

EPSILON = 1e-7  # as Keras clips, so that a sure mistake costs 16 and not infinity


def confusion(
    labels: Labels, probabilities: Probabilities, threshold: float = 0.5
) -> NDArray[np.int64]:
    """Count parts by class and by prediction: (2, 2) int64.

    Rows are the true class, columns the predicted one, 0 background and 1 foreground. `labels` is
    (n,) int64, `probabilities` (n,) floating.
    """
    predicted = (probabilities >= threshold).astype(np.int64)
    return np.bincount(2 * labels + predicted, minlength=4).reshape(2, 2)


def part_scores(
    labels: Labels, probabilities: Probabilities, threshold: float = 0.5
) -> dict[str, float]:
    """Compute the measures of n >= 1 parts by name.

    They are loss (binary cross-entropy), accuracy, balanced_accuracy, precision, recall and auc.
    `labels` is (n,) int64, 0 or 1, and `probabilities` (n,) floating, in [0, 1]. A ratio of 0 to 0
    is 0. With a single class, balanced accuracy is its recall, and auc is 0.5.
    """
    table = confusion(labels, probabilities, threshold)
    right = table.diagonal()
    of_class = table.sum(axis=1)
    taken_for = table.sum(axis=0)
    recalls = right[of_class > 0] / of_class[of_class > 0]
    return {
        "loss": cross_entropy(labels, probabilities),
        "accuracy": float(right.sum() / table.sum()),
        "balanced_accuracy": float(recalls.mean()),
        "precision": float(right[1] / max(taken_for[1], 1)),
        "recall": float(right[1] / max(of_class[1], 1)),
        "auc": auc(labels, probabilities),
    }


def cross_entropy(labels: Labels, probabilities: Probabilities) -> float:
    """Compute the mean binary cross-entropy of labels (n,) int64, probabilities (n,) floating."""
    clipped = np.clip(probabilities.astype(np.float64), EPSILON, 1 - EPSILON)
    return float(-np.mean(np.where(labels == 1, np.log(clipped), np.log1p(-clipped))))


def auc(labels: Labels, probabilities: Probabilities) -> float:
    """Compute the area under the ROC curve.

    That is how often a foreground part scores above a background part, ties counting half. `labels`
    is (n,) int64, `probabilities` (n,) floating. From the ranks, as the Mann-Whitney U statistic
    (Hanley & McNeil, Radiology 1982).
    """
    positives = int((labels == 1).sum())
    negatives = int((labels == 0).sum())
    if not positives or not negatives:
        return 0.5
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2  # equal scores share the mean of their ranks
    wins = mean_ranks[inverse][labels == 1].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * negatives))
