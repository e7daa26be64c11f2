"""Measures of a mask's quality, as the field defines them, on arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BETA_SQUARED = 0.3
THRESHOLDS = 256


@dataclass
class MaskScore:
    """Measures of masks, summed over the images of one set.

    Precision and recall are averaged per threshold over images, as the field does for max F
    (Achanta et al., CVPR 2009).
    """

    images: int = 0
    absolute_error: float = 0.0
    intersection_over_union: float = 0.0
    structure: float = 0.0

    def __post_init__(self) -> None:
        self.precision = np.zeros(THRESHOLDS)
        self.recall = np.zeros(THRESHOLDS)

    def add(self, alpha: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
        """Add an image: its alpha (H, W) uint8, and its mask (H, W) uint8, foreground from 128."""
        truth = mask >= 128
        # at index k the pixels of 255 - k or more: all 256 thresholds in one pass
        inside = np.bincount(alpha[truth], minlength=THRESHOLDS)[::-1].cumsum()
        outside = np.bincount(alpha[~truth], minlength=THRESHOLDS)[::-1].cumsum()
        predicted = inside + outside
        # where nothing is taken for foreground nothing is wrong; recall is 0 there
        self.precision += np.where(predicted > 0, inside / np.maximum(predicted, 1), 1.0)
        self.recall += inside / max(int(truth.sum()), 1)
        self.absolute_error += mean_absolute_error(alpha, truth)
        self.intersection_over_union += iou(alpha, truth)
        self.structure += s_measure(alpha, truth)
        self.images += 1

    @property
    def mae(self) -> float:
        """The mean absolute error, in [0, 1]."""
        return self.absolute_error / max(self.images, 1)

    @property
    def iou(self) -> float:
        """The mean intersection over union, in [0, 1]."""
        return self.intersection_over_union / max(self.images, 1)

    @property
    def s_measure(self) -> float:
        """The mean structure measure, in [0, 1]."""
        return self.structure / max(self.images, 1)

    @property
    def max_f(self) -> float:
        """The F measure, beta^2 = 0.3, at the threshold at which it is highest; in [0, 1]."""
        precision = self.precision / max(self.images, 1)
        recall = self.recall / max(self.images, 1)
        weighted = BETA_SQUARED * precision + recall
        return float(np.max((1 + BETA_SQUARED) * precision * recall / np.maximum(weighted, 1e-9)))


def iou(alpha: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Compute the intersection over union of an alpha, foreground from 128 on, and a mask.

    `alpha` is (H, W) uint8 and `truth` (H, W) bool. It is 1 if both are empty.
    """
    chosen = alpha >= 128
    united = int((chosen | truth).sum())
    return float((chosen & truth).sum() / united) if united else 1.0


def mean_absolute_error(alpha: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Compute the mean absolute difference of an alpha and a mask, in [0, 1].

    `alpha` is (H, W) uint8 and `truth` (H, W) bool.
    """
    return float(np.abs(alpha.astype(np.float32) / 255 - truth).mean())


def s_measure(alpha: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Compute the structure measure in [0, 1] (Fan et al., ICCV 2017).

    It is half the similarity of regions, half that of objects. `alpha` is (H, W) uint8 and `truth`
    (H, W) bool. The alpha is not stretched per image.
    """
    prediction = alpha.astype(np.float64) / 255
    share = float(truth.mean())
    if share in (0.0, 1.0):
        return float(1 - prediction.mean() if share == 0 else prediction.mean())
    objects = share * _object_similarity(prediction[truth]) + (1 - share) * _object_similarity(
        1 - prediction[~truth]
    )
    # structural similarity is below 0 where alpha and mask go opposite ways
    return max(0.0, (objects + _region_similarity(prediction, truth)) / 2)


def _object_similarity(values: NDArray[np.float64]) -> float:
    """Compute how close to 1, and to one another, the values are."""
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 2 * mean / (mean**2 + 1 + spread)


def _region_similarity(prediction: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Average the structural similarity of four rectangles, weighted by area.

    They meet at the centre of the true foreground.
    """
    rows, columns = np.nonzero(truth)
    row, column = int(np.rint(rows.mean())) + 1, int(np.rint(columns.mean())) + 1
    total = 0.0
    for vertical in (slice(None, row), slice(row, None)):
        for horizontal in (slice(None, column), slice(column, None)):
            block = prediction[vertical, horizontal]
            if block.size:
                total += block.size * _structural_similarity(
                    block, truth[vertical, horizontal].astype(np.float64)
                )
    return total / truth.size


def _structural_similarity(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    mean_first = float(first.mean())
    mean_second = float(second.mean())
    samples = max(first.size - 1, 1)
    variances = (((first - mean_first) ** 2).sum() + ((second - mean_second) ** 2).sum()) / samples
    covariance = ((first - mean_first) * (second - mean_second)).sum() / samples
    alike = 4 * mean_first * mean_second * covariance
    scale = (mean_first**2 + mean_second**2) * variances
    if alike == 0:
        return 1.0 if scale == 0 else 0.0
    return float(alike / scale)
