"""Batches for the segmenter: images with masks, augmented on the fly."""

from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import keras
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cutout.errors import DataError
from cutout.imaging.preprocess import PreprocessSpec, fit, normalize, resize
from model_export.config import AugmentConfig, DataConfig, TrainConfig
from model_export.data.augment import Sample, augment, scenery
from model_export.data.dataset import (
    Pair,
    load_pair,
    odds_of,
)
from model_export.data.progress import track
from model_export.data.scenery import Scenery


class MaskBatches(keras.utils.PyDataset):
    """Batches of a segmenter: x (N, S, S, C) float32 normalised, y (N, S, S, 2) uint8.

    y is the mask, and the emphasis of its edges. The randomness of a sample depends on seed, epoch
    and index only, not on which worker thread draws it. `aside` are images, as set/stem, of which
    no cut-out is pasted, as they are for validation or test.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        config: TrainConfig,
        root: Path,
        aside: Collection[str] = (),
    ) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=6)
        self.config = config
        self.spec = config.preprocess
        self.policy = config.augment or AugmentConfig()
        self.source_size = config.data.source_size or config.preprocess.size
        # larger than the input where `source_size` says so: a crop then keeps its detail
        self.samples = load_samples(
            pairs, config.preprocess.model_copy(update={"size": self.source_size})
        )
        self.odds = _odds(pairs, config.data)
        needs_scenery = self.policy.paste or self.policy.empty
        self.scenery = self._scenery(root, aside) if needs_scenery else None
        self.batch_size = config.training.batch_size
        self.epoch = 0

    def __len__(self) -> int:
        return self.steps((self.spec.size, self.batch_size))

    def steps(self, size: tuple[int, int]) -> int:
        """Return how many steps an epoch of that (input side, batch size) has."""
        wanted = self.config.training.samples_per_epoch or len(self.samples)
        return max(1, wanted // size[1])

    def start(self, size: tuple[int, int], epoch: int) -> None:
        """Continue from this epoch on at this (input side, batch size)."""
        self.spec = self.spec.model_copy(update={"size": size[0]})
        self.batch_size = size[1]
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        rng = np.random.default_rng([self.config.training.seed, self.epoch, index])
        drawn = [self._draw(rng) for _ in range(self.batch_size)]
        x = np.concatenate([normalize(image, self.spec) for image, _ in drawn])
        return x, np.stack([labels(mask) for _, mask in drawn])

    def on_epoch_end(self) -> None:
        """Count the epoch, on which the randomness depends."""
        self.epoch += 1

    def _scenery(self, root: Path, aside: Collection[str]) -> Scenery:
        borrowed = (
            [part for sample in self.samples for part in scenery(sample)]
            if self.policy.borrow
            else []
        )
        policy, data = self.policy, self.config.data
        return Scenery(root, self.source_size, borrowed, policy, data, aside)

    def _draw(self, rng: Generator) -> Sample:
        # with replacement: an epoch is so many samples, not every image once
        sample = self.samples[int(rng.choice(len(self.samples), p=self.odds))]
        kind = rng.random()
        if self.scenery and kind < self.policy.paste and self.scenery.can_paste:
            sample = self.scenery.pasted(sample, self.source_size, rng)
        elif (
            self.scenery
            and kind < self.policy.paste + self.policy.empty
            and self.scenery.backgrounds
        ):
            sample = self.scenery.empty(self.source_size, rng)
        return augment(sample, self.spec.size, self.policy, rng)


def load_samples(pairs: Sequence[Pair], spec: PreprocessSpec) -> list[Sample]:
    """Load every image and mask, fitted to the canvas once and kept in memory as uint8.

    Raises DataError where the spec does not stretch images, or a file cannot be read.
    """
    if spec.fit != "stretch":
        raise DataError(f"training needs fit = 'stretch', not {spec.fit!r}")
    samples = []
    for pair in track(pairs, "loading images"):
        image, mask = load_pair(pair, spec.size)
        # stretched, the box is the whole canvas: mask and image stay in step
        canvas, box = fit(image, spec)
        samples.append((canvas, resize(mask, box.width, box.height)))
    return samples


def labels(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the targets (S, S, 2) uint8 of a mask (S, S) uint8.

    They are the mask, and how close to its edge a pixel is (F3Net, arXiv 1911.11445).
    """
    # | 1 makes it odd, so that it has a middle
    window = max(3, mask.shape[0] // 12) | 1
    # the mean around a pixel differs from it only near an edge
    near_edge = cv2.absdiff(cv2.blur(mask, (window, window)), mask)
    return np.dstack([mask, near_edge])


def _odds(pairs: Sequence[Pair], data: DataConfig) -> NDArray[np.float64]:
    odds = np.array([odds_of(pair, data) for pair in pairs], np.float64)
    return np.asarray(odds / odds.sum(), np.float64)
