"""Batches for the classifier: parts of pictures, half of them foreground."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.random import Generator

from app.errors import DataError
from app.imaging.preprocess import Tensor, fit, normalize
from model_export.augment import augment_part
from model_export.config import TrainConfig
from model_export.data import Pair
from model_export.parts import NO_PARTS, Part, Picture, draw_parts, load_pictures, part_seed


class PartBatches(keras.utils.PyDataset):
    """x (N, S, S, C) float32 normalised, y (N, 1) float32: 1 foreground, 0 background.

    Every picture gives `data.parts_per_picture` parts an epoch, times the weight of its set. The randomness of a
    batch depends on seed, epoch and place alone, not on which worker thread draws it.
    """

    def __init__(self, pairs: Sequence[Pair], config: TrainConfig) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=8)
        self.config, self.spec = config, config.preprocess
        self.pictures = load_pictures(pairs, config.data.part_sizes, config.preprocess)
        self.batch_size = config.training.batch_size
        self.start((self.spec.size, self.batch_size), epoch=0)
        if not self.parts:
            raise DataError(NO_PARTS)

    def __len__(self) -> int:
        return self.steps((self.spec.size, self.batch_size))

    def steps(self, size: tuple[int, int]) -> int:
        """Steps in an epoch of that (input side, batch size)."""
        wanted = min(self.config.training.samples_per_epoch or len(self.parts), len(self.parts))
        return max(1, wanted // size[1])

    def start(self, size: tuple[int, int], epoch: int) -> None:
        """Go on from this epoch at this batch size."""
        self.batch_size, self.epoch = size[1], epoch
        self.parts = self._draw(epoch if self.config.data.redraw_parts else 0)
        self._shuffle()

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.config.training.seed, self.epoch, index])
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        parts = [self.parts[place] for place in chosen]
        x = np.concatenate([self._tensor(picture, part, rng) for picture, part in parts])
        return x, np.array([[part.label] for _, part in parts], np.float32)

    def on_epoch_end(self) -> None:
        self.epoch += 1
        if self.config.data.redraw_parts:
            self.parts = self._draw(self.epoch)
        self._shuffle()

    def _draw(self, epoch: int) -> list[tuple[Picture, Part]]:
        data, seed = self.config.data, self.config.training.seed
        drawn = []
        for picture in self.pictures:
            pairs = max(1, round(data.parts_per_picture / 2 * data.weights.get(picture.pair.set, 1.0)))
            rng = part_seed(picture.pair, seed, epoch)
            drawn += [(picture, part) for part in draw_parts(picture.mask, data.part_sizes, pairs, rng)]
        return drawn

    def _shuffle(self) -> None:
        rng = np.random.default_rng([self.config.training.seed, self.epoch])
        self.order = rng.permutation(len(self.parts))

    def _tensor(self, picture: Picture, part: Part, rng: Generator) -> Tensor:
        canvas, _ = fit(part.cut(picture.image), self.spec)
        if self.config.augment:
            canvas = augment_part(canvas, self.config.augment, rng)
        return normalize(canvas, self.spec)
