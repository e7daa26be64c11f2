"""ROC, precision-recall and calibration from counts of scores, on arrays."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_export.quality.part_measures import Labels, Probabilities

Values = NDArray[np.float64]

BINS = 10  # of a calibration


@dataclass(frozen=True)
class ScoreCounts:
    """How much background and how much foreground got each score: all that the curves need.

    `scores` (K,) float64 increase within [0, 1]; `negatives` and `positives` (K,) float64 are
    counts, or weights where images of all sizes are to count alike.
    """

    scores: Values
    negatives: Values
    positives: Values

    @classmethod
    def of_labels(cls, labels: Labels, probabilities: Probabilities) -> "ScoreCounts":
        """Count the scores of n parts: labels (n,) int64, 0 or 1, probabilities (n,) floating."""
        scores, places = np.unique(np.asarray(probabilities, np.float64), return_inverse=True)
        counts = [np.bincount(places[labels == label], minlength=len(scores)) for label in (0, 1)]
        return cls(scores, counts[0].astype(np.float64), counts[1].astype(np.float64))

    @property
    def total(self) -> float:
        """The sum of all counts."""
        return float(self.negatives.sum() + self.positives.sum())

    @cached_property
    def from_top(self) -> tuple[Values, Values]:
        """Negatives and positives at or above each score, (K + 1,) float64 each.

        The highest score comes first, after a leading 0.
        """
        zero = np.zeros(1)
        return (
            np.concatenate([zero, self.negatives[::-1].cumsum()]),
            np.concatenate([zero, self.positives[::-1].cumsum()]),
        )


@dataclass(frozen=True)
class Curve:
    """A curve of x and y (n,) float64, both in [0, 1], and the area or mean under it."""

    x: Values
    y: Values
    area: float


@dataclass(frozen=True)
class Calibration:
    """The calibration of scores, by occupied bins (n,) float64.

    A bin has the mean score, the frequency of foreground, and its share of everything; `ece` is the
    expected calibration error.
    """

    score: Values
    frequency: Values
    share: Values
    ece: float


def roc(counts: ScoreCounts) -> Curve:
    """Return true over false positive rate, from (0, 0) to (1, 1); its area counts ties half."""
    negatives, positives = counts.from_top
    x, y = negatives / max(negatives[-1], 1e-12), positives / max(positives[-1], 1e-12)
    return Curve(x, y, float(np.trapezoid(y, x)))


def precision_recall(counts: ScoreCounts) -> Curve:
    """Return precision over recall at every score.

    The area is the average precision, without interpolation.
    """
    negatives, positives = (values[1:] for values in counts.from_top)
    recall = positives / max(positives[-1], 1e-12) if len(positives) else positives
    precision = positives / np.maximum(positives + negatives, 1e-12)
    average = float((np.diff(recall, prepend=0.0) * precision).sum())
    return Curve(recall, precision, average)


def calibration(counts: ScoreCounts, bins: int = BINS) -> Calibration:
    """Compute whether 0.8 means 80 %: bins of equal width, and the expected calibration error.

    The error is the mean over all samples of |score - frequency of foreground| of their bin; 0 is
    perfect (Guo et al., ICML 2017).
    """
    # a score of 1 would have a bin of its own
    place = np.minimum((counts.scores * bins).astype(np.int64), bins - 1)
    weight = counts.negatives + counts.positives
    totals = np.bincount(place, weight, bins)
    used = totals > 0
    score = np.bincount(place, weight * counts.scores, bins)[used] / totals[used]
    frequency = np.bincount(place, counts.positives, bins)[used] / totals[used]
    share = totals[used] / max(counts.total, 1e-12)
    return Calibration(score, frequency, share, float((share * np.abs(score - frequency)).sum()))


def confusion_at(counts: ScoreCounts, threshold: float) -> Values:
    """Return the confusion matrix (2, 2) float64 at a threshold.

    Rows are the true class, columns the predicted one, 0 background and 1 foreground.
    """
    above = counts.scores >= threshold
    rows = [
        [side[~above].sum(), side[above].sum()] for side in (counts.negatives, counts.positives)
    ]
    return np.array(rows, np.float64)


def thinned(curve: Curve, points: int = 300) -> Curve:
    """Return the curve through about `points` of its points, its ends included, for a plot."""
    if len(curve.x) <= points:
        return curve
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(curve.x), np.diff(curve.y)))])
    # evenly along the curve, as along x a steep stretch would have no points
    wanted = np.searchsorted(length, np.linspace(0, length[-1], points))
    kept: NDArray[Any] = np.unique(
        np.concatenate([[0], np.minimum(wanted, len(length) - 1), [len(length) - 1]])
    )
    return Curve(curve.x[kept], curve.y[kept], curve.area)
