"""How good a mask is: the field's usual measures, on arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BETA_SQUARED = 0.3
THRESHOLDS = 256


@dataclass
class MaskScore:
    """Sums over images of one set.

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
        """alpha (H, W) uint8, 255 = foreground; mask (H, W) uint8, foreground from 128 on."""
        truth = mask >= 128
        inside = np.bincount(alpha[truth], minlength=THRESHOLDS)[::-1].cumsum()
        outside = np.bincount(alpha[~truth], minlength=THRESHOLDS)[::-1].cumsum()
        predicted = inside + outside
        self.precision += np.where(predicted > 0, inside / np.maximum(predicted, 1), 1.0)
        self.recall += inside / max(int(truth.sum()), 1)
        self.absolute_error += mean_absolute_error(alpha, truth)
        self.intersection_over_union += iou(alpha, truth)
        self.structure += s_measure(alpha, truth)
        self.images += 1

    @property
    def mae(self) -> float:
        return self.absolute_error / max(self.images, 1)

    @property
    def iou(self) -> float:
        return self.intersection_over_union / max(self.images, 1)

    @property
    def s_measure(self) -> float:
        return self.structure / max(self.images, 1)

    @property
    def max_f(self) -> float:
        precision = self.precision / max(self.images, 1)
        recall = self.recall / max(self.images, 1)
        weighted = BETA_SQUARED * precision + recall
        return float(np.max((1 + BETA_SQUARED) * precision * recall / np.maximum(weighted, 1e-9)))


def iou(alpha: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Intersection over union of alpha (H, W) uint8, foreground from 128 on, and truth (H, W); 1 if
    both are empty.
    """
    chosen = alpha >= 128
    united = int((chosen | truth).sum())
    return float((chosen & truth).sum() / united) if united else 1.0


def mean_absolute_error(alpha: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Return how far alpha (H, W) uint8, 255 = foreground, is from truth (H, W) on the mean over
    the pixels, in [0, 1].
    """
    return float(np.abs(alpha.astype(np.float32) / 255 - truth).mean())


def s_measure(alpha: NDArray[np.uint8], truth: NDArray[np.bool_]) -> float:
    """Structure measure in [0, 1]: half how alike the regions are, half how alike the objects (Fan
    et al., ICCV 2017).

    alpha (H, W) uint8, 255 = foreground; truth (H, W). Without per-image stretching of the alpha.
    """
    prediction = alpha.astype(np.float64) / 255
    share = float(truth.mean())
    if share in (0.0, 1.0):
        return float(1 - prediction.mean() if share == 0 else prediction.mean())
    objects = share * _object_similarity(prediction[truth]) + (1 - share) * _object_similarity(
        1 - prediction[~truth]
    )
    return max(0.0, (objects + _region_similarity(prediction, truth)) / 2)


def _object_similarity(values: NDArray[np.float64]) -> float:
    """High where the values are near 1 and alike."""
    mean = float(values.mean())
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    return 2 * mean / (mean**2 + 1 + spread)


def _region_similarity(prediction: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Structural similarity of the four rectangles that meet at the centre of the true foreground,
    by area.
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
