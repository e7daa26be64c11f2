"""What a report collects while an evaluation runs: counts for curves, a score an image, parts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Matte, Tensor
from model_export.data.dataset import Mask, Pair
from model_export.quality.measures import iou, mean_absolute_error
from model_export.quality.part_measures import Labels, Probabilities, cross_entropy
from model_export.report.curves import ScoreCounts

LEVELS = 256
# Images of one set among the best, and among the worst: a gallery of one kind tells little.
MAX_PER_SET = 2
PARTS_SHOWN = 4  # parts shown of each kind
PARTS_KEPT = 40  # parts to choose these from, the most certain ones


@dataclass(frozen=True)
class ImageScore:
    """The score of one image.

    `value` is the IoU of its alpha, foreground from 0.5 on, or the share of its parts that were
    classified correctly. `error` breaks ties: mean absolute error, or cross-entropy.
    """

    pair: Pair
    value: float
    error: float

    @property
    def rank(self) -> tuple[float, float]:
        """A key to sort by, the best first."""
        return -self.value, self.error


@dataclass(frozen=True)
class ConfidentPart:
    """A part (1, S, S, C) float32 as the network read it, its label and predicted probability."""

    pair: Pair
    x: Tensor
    label: int
    probability: float


Scored = TypeVar("Scored", ImageScore, ConfidentPart)


@dataclass
class Evidence:
    """A `Observer` that collects scores, by image and in all.

    Pixels are counted so that every image has the same weight, parts one by one.
    """

    threshold: float = 0.5
    images: list[ImageScore] = field(default_factory=list)
    _levels: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, LEVELS)))
    _labels: list[Labels] = field(default_factory=list)
    _probabilities: list[Probabilities] = field(default_factory=list)
    _confident: dict[tuple[int, bool], list[tuple[float, int, ConfidentPart]]] = field(
        default_factory=dict
    )
    _order: "count[int]" = field(default_factory=count)

    def parts(self, pair: Pair, x: Tensor, labels: Labels, probabilities: Probabilities) -> None:
        """Take in the parts of an image, their labels and the classifier's probabilities.

        `x` is (n, S, S, C) float32, `labels` (n,) int64 and `probabilities` (n,) float32.
        """
        right = (probabilities >= self.threshold) == (labels == 1)
        self.images.append(
            ImageScore(pair, float(right.mean()), cross_entropy(labels, probabilities))
        )
        self._labels.append(labels)
        self._probabilities.append(probabilities)
        for place in range(len(labels)):
            part = ConfidentPart(
                pair, x[place : place + 1], int(labels[place]), float(probabilities[place])
            )
            self._keep(part, bool(right[place]))

    def alpha(self, pair: Pair, alpha: Matte, mask: Mask) -> None:
        """Take in the alpha (H, W) uint8 of an image and its mask (H, W) uint8."""
        truth = mask >= 128
        self.images.append(ImageScore(pair, iou(alpha, truth), mean_absolute_error(alpha, truth)))
        for label, pixels in enumerate((~truth, truth)):
            self._levels[label] += np.bincount(alpha[pixels], minlength=LEVELS) / mask.size

    @property
    def counts(self) -> ScoreCounts:
        """The scores of everything so far: of parts where there are any, else of pixels."""
        if self._labels:
            return ScoreCounts.of_labels(
                np.concatenate(self._labels), np.concatenate(self._probabilities)
            )
        return ScoreCounts(np.arange(LEVELS) / (LEVELS - 1), self._levels[0], self._levels[1])

    def confident(self, label: int, right: bool) -> list[ConfidentPart]:
        """Return the four parts of that label that were classified right, or wrong, most certainly.

        At most two are of one set, if there are others.
        """
        kept = sorted(self._confident.get((label, right), []), reverse=True)
        return spread_over_sets([part for _, _, part in kept], PARTS_SHOWN)

    def best_and_worst(self, best: int, worst: int) -> tuple[list[ImageScore], list[ImageScore]]:
        """Return the `best` best images, best first, and the `worst` worst others, worst first.

        If there are fewer images than both together, each gets its share.
        """
        ranked = sorted(self.images, key=lambda image: image.rank)
        best = min(best, max(1, round(len(ranked) * best / (best + worst))))
        first = spread_over_sets(ranked, best)
        return first, spread_over_sets(
            [image for image in reversed(ranked) if image not in first], worst
        )

    def _keep(self, part: ConfidentPart, right: bool) -> None:
        """Keep at most one part of an image, and the most certain ones of all images."""
        sureness = abs(part.probability - 0.5)
        kept = self._confident.setdefault((part.label, right), [])
        rivals = [entry for entry in kept if entry[2].pair == part.pair]
        if rivals and rivals[0][0] >= sureness:
            return
        for rival in rivals:
            kept.remove(rival)
        # the number decides ties, as parts themselves can't be ordered
        kept.append((sureness, next(self._order), part))
        if len(kept) > PARTS_KEPT:
            kept.remove(min(kept))


def spread_over_sets(ranked: Sequence[Scored], count: int) -> list[Scored]:
    """Return the first `count` with at most two of a set.

    Filled up in order where there are too few sets.
    """
    seen: Counter[str] = Counter()
    chosen = []
    for image in ranked:
        if seen[image.pair.set] < MAX_PER_SET:
            seen[image.pair.set] += 1
            chosen.append(image)
    # by identity: `==` of parts compares arrays, which gives no single truth value
    places = {id(image): place for place, image in enumerate(ranked)}
    taken = {id(image) for image in chosen}
    rest = [image for image in ranked if id(image) not in taken]
    return sorted((chosen + rest)[:count], key=lambda image: places[id(image)])
