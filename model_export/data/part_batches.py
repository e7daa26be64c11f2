"""Batches for the classifier: parts of images, by default half of them foreground.

Unbalanced classes (`data.foreground_share`) are met by resampling, by weights in the loss, or by
augmentation of the rare class (He and Garcia, IEEE TKDE 2009).
"""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cutout.errors import DataError
from cutout.imaging.preprocess import Tensor, fit, normalize
from model_export.config import TrainConfig
from model_export.data.augment import augment_part
from model_export.data.dataset import Pair, odds_of
from model_export.data.parts import (
    NO_PARTS,
    LoadedPair,
    Part,
    draw_parts,
    draw_unevenly,
    load_images,
    part_seed,
)

Batch = tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]


class PartBatches(keras.utils.PyDataset):
    """Batches of a classifier: x (N, S, S, C) float32 normalised, y (N, 1) float32.

    y is 1 for foreground and 0 for background; with class weights, w (N,) float32 comes third.
    Every image gives `data.parts_per_image` parts an epoch, times its odds (`odds_of`). The
    randomness of a batch depends on seed, epoch and index only, not on which worker thread draws
    it.
    """

    def __init__(self, pairs: Sequence[Pair], config: TrainConfig) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.config = config
        self.spec = config.preprocess
        self.images = load_images(pairs, config.data.part_sizes, config.preprocess)
        self.batch_size = config.training.batch_size
        # draws at once: `steps` is asked for before training starts, and needs `order`
        self.start((self.spec.size, self.batch_size), epoch=0)

    def __len__(self) -> int:
        return self.steps((self.spec.size, self.batch_size))

    def steps(self, size: tuple[int, int]) -> int:
        """Return how many steps an epoch of that (input side, batch size) has."""
        wanted = min(self.config.training.samples_per_epoch or len(self.order), len(self.order))
        return max(1, wanted // size[1])

    def start(self, size: tuple[int, int], epoch: int) -> None:
        """Continue from this epoch on at this batch size.

        Raises DataError where no image has parts of both classes.
        """
        self.batch_size = size[1]
        self.epoch = epoch
        # always those of epoch 0 unless redrawn, also where a run is resumed
        self.parts = self._draw(epoch if self.config.data.redraw_parts else 0)
        if not self.parts:
            raise DataError(NO_PARTS)
        self._shuffle()

    def __getitem__(self, index: int) -> Batch:
        rng = np.random.default_rng([self.config.training.seed, self.epoch, index])
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        parts = [self.parts[place] for place in chosen]
        x = np.concatenate([self._tensor(image, part, rng) for image, part in parts])
        y = np.array([[part.label] for _, part in parts], np.float32)
        return (x, y) if self.weights is None else (x, y, self.weights[y[:, 0].astype(int)])

    def on_epoch_end(self) -> None:
        """Count the epoch, and shuffle or draw the parts of the next."""
        self.epoch += 1
        if self.config.data.redraw_parts:
            self.parts = self._draw(self.epoch)
        self._shuffle()

    def _draw(self, epoch: int) -> list[tuple[LoadedPair, Part]]:
        data = self.config.data
        seed = self.config.training.seed
        drawn = []
        for image in self.images:
            count = data.parts_per_image * odds_of(image.pair, data)
            rng = part_seed(image.pair, seed, epoch)
            # a half, the default: pairs of one size, so that size says nothing of the class
            if data.foreground_share == 0.5:
                parts = draw_parts(image.mask, data.part_sizes, max(1, round(count / 2)), rng)
            else:
                parts = draw_unevenly(
                    image.mask, data.part_sizes, max(2, round(count)), data.foreground_share, rng
                )
            drawn += [(image, part) for part in parts]
        return drawn

    def _shuffle(self) -> None:
        rng = np.random.default_rng([self.config.training.seed, self.epoch])
        labels = np.array([part.label for _, part in self.parts])
        # the class, 1 where foreground is rarer
        self.rare = int(labels.mean() < 0.5)
        self.order = rng.permutation(self._resampled(labels, rng))
        self.weights = self._class_weights(labels[self.order])

    def _resampled(self, labels: NDArray[np.int64], rng: Generator) -> NDArray[np.int64]:
        """Return the indices of an epoch's parts: each once, or as many of each class."""
        rare, common = np.flatnonzero(labels == self.rare), np.flatnonzero(labels != self.rare)
        if self.config.data.resample == "over":
            # np.resize repeats, where ndarray.resize would fill up with zeros
            return np.concatenate([common, np.resize(rng.permutation(rare), len(common))])
        if self.config.data.resample == "under":
            return np.concatenate([rng.choice(common, len(rare), replace=False), rare])
        return np.arange(len(labels))

    def _class_weights(self, labels: NDArray[np.int64]) -> Tensor | None:
        """Return the weights in the loss, (2,); balanced ones average 1 over the epoch's parts."""
        chosen = self.config.training.class_weights
        if chosen == "none":
            return None
        if chosen == "balanced":
            # of the epoch's parts, so resampled ones have weights of 1
            return np.asarray(len(labels) / (2 * np.bincount(labels, minlength=2)), np.float32)
        return np.asarray(chosen, np.float32)

    def _tensor(self, image: LoadedPair, part: Part, rng: Generator) -> Tensor:
        canvas, _ = fit(part.cut(image.image), self.spec)
        if self.config.augment and not (
            self.config.data.augment_only_rare and part.label != self.rare
        ):
            canvas = augment_part(canvas, self.config.augment, rng)
        return normalize(canvas, self.spec)
