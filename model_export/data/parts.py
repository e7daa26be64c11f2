"""The labelled parts of an image, on which the classifier is trained and tested.

A **part** is a square inside the image, its side a given share of the image's shorter side, rounded
to pixels. Its label comes from the share of its pixels that are foreground (mask >= 128):

    at least 60 %   foreground (1)
    at most 5 %     background (0)
    in between      no part: what it shows is ambiguous

An image yields **pairs** of one foreground and one background part of the same size, so that
classes are balanced at every size and size says nothing about the class. For each pair a size is
drawn, uniformly from those at which the image has parts of both classes; then one part of each
class, uniformly from all its positions (steps of one pixel), with replacement. An image that has
both classes at no size yields nothing.

The draw depends on the seed, the epoch, the image's set and stem, its mask and the sizes, and on
nothing else: the same parts on every machine and whatever other images there are. Training,
validation, test and `evaluate` all cut parts here.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cutout.imaging.preprocess import (
    Image,
    PreprocessSpec,
    Tensor,
    fit,
    normalize,
    reduce_for_parts,
)
from model_export.data.dataset import Mask, Pair, load_pair
from model_export.data.pairs import as_bytes
from model_export.data.progress import track

FOREGROUND_FROM_PERCENT = 60
BACKGROUND_UP_TO_PERCENT = 5
EVALUATION_PAIRS = (
    8  # pairs of parts per image in every evaluation, so that figures can be compared
)
EVALUATION_SEED = 0
NO_PARTS = (
    "none of the images has parts of both classes: their masks are too full or too thin for "
    "data.part_sizes"
)


@dataclass(frozen=True)
class Part:
    """A square of an image, in its pixels, and its label: 1 foreground, 0 background."""

    left: int
    top: int
    side: int
    label: int

    def cut(self, image: Image) -> Image:
        """Return the part's pixels (side, side, 3) uint8 RGB, a view of the image."""
        return image[self.top : self.top + self.side, self.left : self.left + self.side]


@dataclass(frozen=True)
class LoadedPair:
    """An image to cut parts from, reduced by `reduce_for_parts`, and its mask at the same size."""

    pair: Pair
    image: Image
    mask: Mask


def draw_parts(mask: Mask, sizes: Sequence[float], pairs: int, rng: Generator) -> list[Part]:
    """Draw pairs of a foreground and a background part, foreground first.

    `mask` is (H, W) uint8; `sizes` are the sides as shares of its shorter side. Returns 2 * `pairs`
    parts, or none where the mask has no parts of both classes.
    """
    drawable = _drawable(mask, sizes)
    if not drawable:
        return []
    chosen = [drawable[index] for index in rng.integers(len(drawable), size=pairs)]
    return [positions.draw(label, rng) for positions in chosen for label in (1, 0)]


def draw_unevenly(
    mask: Mask, sizes: Sequence[float], count: int, share: float, rng: Generator
) -> list[Part]:
    """Draw `count` parts, of which `share` are foreground, but at least one of each class.

    `mask` is (H, W) uint8; `sizes` are the sides as shares of its shorter side. Returns none where
    the mask has no parts of both classes. Classes are as unbalanced as in a real task, and parts do
    not come in pairs, though each size is drawn as often.
    """
    drawable = _drawable(mask, sizes)
    if not drawable:
        return []
    foreground = min(max(1, round(count * share)), count - 1)
    labels = [1] * foreground + [0] * (count - foreground)
    chosen = rng.integers(len(drawable), size=count)
    return [drawable[index].draw(label, rng) for index, label in zip(chosen, labels, strict=True)]


def part_seed(pair: Pair, seed: int, epoch: int = 0) -> Generator:
    """Return the random generator for the parts of one image in one epoch."""
    name = hashlib.sha256(as_bytes(pair.name)).digest()[:8]
    return np.random.default_rng([seed, epoch, int.from_bytes(name, "big")])


def foreground_counts(mask: Mask, side: int) -> NDArray[np.int32]:
    """Count the foreground pixels in every square of that side of a mask (H, W) uint8.

    Returns (H - side + 1, W - side + 1) int32, by the square's top left corner. By an integral
    image: four look-ups a square, whatever its size (Crow, SIGGRAPH 1984).
    """
    # has a row and a column of zeros in front, so that there is no case for the edges
    table = cv2.integral((mask >= 128).astype(np.uint8))
    counts = (
        table[side:, side:] - table[:-side, side:] - table[side:, :-side] + table[:-side, :-side]
    )
    return np.asarray(counts, np.int32)


def load_for_parts(pair: Pair, sizes: Sequence[float], spec: PreprocessSpec) -> LoadedPair:
    """Load an image and its mask, reduced to what parts of these sizes need.

    Raises DataError, which names the file, where one cannot be used.
    """
    # the smallest part still has the network's input in pixels
    image, mask = load_pair(pair, round(spec.size / min(sizes)))
    return LoadedPair(
        pair, reduce_for_parts(image, sizes, spec), reduce_for_parts(mask, sizes, spec)
    )


def load_images(
    pairs: Sequence[Pair], sizes: Sequence[float], spec: PreprocessSpec
) -> list[LoadedPair]:
    """Load the images of all pairs, and keep them in memory.

    Raises DataError, which names the file, where one cannot be used.
    """
    return [load_for_parts(pair, sizes, spec) for pair in track(pairs, "loading images")]


def evaluation_parts(
    image: LoadedPair, sizes: Sequence[float], spec: PreprocessSpec
) -> tuple[Tensor, NDArray[np.int64]]:
    """Return the parts of an image on which networks are evaluated, and their labels.

    They are (n, S, S, C) float32, preprocessed as the server does, and (n,) int64; n is 16, or 0 if
    the image has no parts of both classes. Always the same for the same image and sizes.
    """
    parts = draw_parts(image.mask, sizes, EVALUATION_PAIRS, part_seed(image.pair, EVALUATION_SEED))
    tensors = [normalize(fit(part.cut(image.image), spec)[0], spec) for part in parts]
    x = np.concatenate(tensors) if tensors else np.zeros((0, *spec.tensor_shape), np.float32)
    return x, np.array([part.label for part in parts], np.int64)


def _drawable(mask: Mask, sizes: Sequence[float]) -> list["_Positions"]:
    """Return the sizes at which a mask has parts of both classes, with the positions of each."""
    return [positions for size in sizes if (positions := _Positions(mask, size)).has_both_labels]


class _Positions:
    """The positions in a mask where parts of one size may lie, by label."""

    def __init__(self, mask: Mask, size: float) -> None:
        self.side = max(1, round(size * min(mask.shape)))
        counts = foreground_counts(mask, self.side)
        self.columns = counts.shape[1]
        # in whole numbers, without a quotient to round: the limits are exact on every machine
        percents = 100 * counts.ravel()
        pixels = self.side**2
        self.of_label = (
            np.flatnonzero(percents <= BACKGROUND_UP_TO_PERCENT * pixels),
            np.flatnonzero(percents >= FOREGROUND_FROM_PERCENT * pixels),
        )

    @property
    def has_both_labels(self) -> bool:
        return all(len(places) for places in self.of_label)

    def draw(self, label: int, rng: Generator) -> Part:
        places = self.of_label[label]
        top, left = divmod(int(places[rng.integers(len(places))]), self.columns)
        return Part(left, top, self.side, label)
