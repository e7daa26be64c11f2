"""How good a mask is: the field's usual measures, on arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BETA_SQUARED = 0.3
THRESHOLDS = 256


@dataclass
class MaskScore:
    """Sums over pictures of one set. Precision and recall are averaged per threshold over pictures, as the field
    does for max F (Achanta et al., CVPR 2009)."""

    pictures: int = 0
    absolute_error: float = 0.0
    intersection_over_union: float = 0.0

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
        self.absolute_error += float(np.abs(alpha.astype(np.float32) / 255 - truth).mean())
        chosen = alpha >= 128
        united = int((chosen | truth).sum())
        self.intersection_over_union += float((chosen & truth).sum() / united) if united else 1.0
        self.pictures += 1

    @property
    def mae(self) -> float:
        return self.absolute_error / max(self.pictures, 1)

    @property
    def iou(self) -> float:
        return self.intersection_over_union / max(self.pictures, 1)

    @property
    def max_f(self) -> float:
        precision, recall = self.precision / max(self.pictures, 1), self.recall / max(self.pictures, 1)
        weighted = BETA_SQUARED * precision + recall
        return float(np.max((1 + BETA_SQUARED) * precision * recall / np.maximum(weighted, 1e-9)))
