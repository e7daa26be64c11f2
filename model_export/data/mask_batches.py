"""Batches for the segmenter: images with masks, augmented on the fly."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import keras
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cutout.errors import DataError
from cutout.imaging.compose import limit_size
from cutout.imaging.preprocess import Image, PreprocessSpec, fit, normalize, resize
from model_export.config import AugmentConfig, DataConfig, TrainConfig
from model_export.data.augment import Cutout, Sample, augment, empty, lift, paste, scenery
from model_export.data.dataset import (
    Pair,
    load_cutout,
    load_image,
    load_pair,
    odds_of,
    split_of_key,
)
from model_export.data.pairs import find_scenery
from model_export.data.progress import track

RENDERED_SET = "fluent_emoji_3d"
MOST_RENDERED = 0.15  # drawn objects look unlike photographs: at most this share of what is pasted


class Scenery:
    """Cut-outs and backgrounds to paste them on, from DIR/cutouts and DIR/backgrounds and the folders in them.

    A cut-out made from an image of a set of the same name stays on the side that the hash gives that image.
    `borrowed` are backgrounds cut from the training images themselves, for the share `borrow` of what is pasted;
    behind the share `behind` lies another cut-out, as a chair or a basket lies behind a cat.
    """

    def __init__(
        self, root: Path, longest: int, borrowed: list[Image], borrow: float, behind: float
    ) -> None:
        paths, found = find_scenery(root / "cutouts"), find_scenery(root / "backgrounds")
        training = [
            path for path in paths if split_of_key(f"{path.parent.name}/{path.stem}") == "train"
        ]
        self.cutouts = [Cutout(limit_size(load_cutout(path), longest)) for path in training]
        self.backgrounds = [
            _with_shorter_side(load_image(path, 2 * longest), 3 * longest // 2) for path in found
        ]
        self.borrowed, self.borrow, self.behind = borrowed, borrow, behind
        rendered = np.array([path.parent.name == RENDERED_SET for path in training])
        self.odds = _share(rendered, MOST_RENDERED)

    @property
    def can_paste(self) -> bool:
        return bool(self.backgrounds or self.borrowed)

    def empty(self, size: int, rng: Generator) -> Sample:
        """One of the backgrounds with nothing on it."""
        return empty(_one_of(self.backgrounds, rng), size, rng)

    def pasted(self, sample: Sample, size: int, rng: Generator) -> Sample:
        """A cut-out, often the foreground of `sample`, on one of the backgrounds."""
        borrowed = self.borrowed and (not self.backgrounds or rng.random() < self.borrow)
        background = _one_of(self.borrowed if borrowed else self.backgrounds, rng)
        if self.cutouts and rng.random() < self.behind:
            background, _ = paste(self._any_cutout(rng), background, size, rng)
        cutout = self.cutout(sample, rng)
        return paste(cutout, background, size, rng) if cutout.pixels.size else sample

    def cutout(self, sample: Sample, rng: Generator) -> Cutout:
        """One of the cut-outs, or as often the foreground of `sample`."""
        if not self.cutouts or rng.random() < 0.5:
            return lift(sample)
        return self._any_cutout(rng)

    def _any_cutout(self, rng: Generator) -> Cutout:
        return self.cutouts[int(rng.choice(len(self.cutouts), p=self.odds))]


class MaskBatches(keras.utils.PyDataset):
    """x (N, S, S, C) float32 normalised, y (N, S, S, 2) uint8: mask and edge emphasis.

    The randomness of a sample depends on seed, epoch and place alone, not on which worker thread draws it.
    """

    def __init__(self, pairs: Sequence[Pair], config: TrainConfig, root: Path) -> None:
        super().__init__(workers=2, use_multiprocessing=False, max_queue_size=6)
        self.config, self.spec = config, config.preprocess
        self.policy = config.augment or AugmentConfig()
        self.source_size = config.data.source_size or config.preprocess.size
        self.samples = load_samples(
            pairs, config.preprocess.model_copy(update={"size": self.source_size})
        )
        self.odds = _odds(pairs, config.data)
        self.scenery = self._scenery(root) if self.policy.paste or self.policy.empty else None
        self.batch_size = config.training.batch_size
        self.epoch = 0

    def __len__(self) -> int:
        return self.steps((self.spec.size, self.batch_size))

    def steps(self, size: tuple[int, int]) -> int:
        """Steps in an epoch of that (input side, batch size)."""
        wanted = self.config.training.samples_per_epoch or len(self.samples)
        return max(1, wanted // size[1])

    def start(self, size: tuple[int, int], epoch: int) -> None:
        """Go on from this epoch at this (input side, batch size)."""
        self.spec = self.spec.model_copy(update={"size": size[0]})
        self.batch_size, self.epoch = size[1], epoch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        rng = np.random.default_rng([self.config.training.seed, self.epoch, index])
        drawn = [self._draw(rng) for _ in range(self.batch_size)]
        x = np.concatenate([normalize(image, self.spec) for image, _ in drawn])
        return x, np.stack([labels(mask) for _, mask in drawn])

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def _scenery(self, root: Path) -> Scenery:
        borrowed = (
            [part for sample in self.samples for part in scenery(sample)]
            if self.policy.borrow
            else []
        )
        return Scenery(root, self.source_size, borrowed, self.policy.borrow, self.policy.behind)

    def _draw(self, rng: Generator) -> Sample:
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


def _with_shorter_side(image: Image, side: int) -> Image:
    """Shrunk until the shorter side is so long; never enlarged."""
    ratio = side / min(image.shape[:2])
    return (
        image
        if ratio >= 1
        else resize(image, round(image.shape[1] * ratio), round(image.shape[0] * ratio))
    )


def _one_of(images: list[Image], rng: Generator) -> Image:
    return images[int(rng.integers(len(images)))]


def load_samples(pairs: Sequence[Pair], spec: PreprocessSpec) -> list[Sample]:
    """Every image and mask, fitted to the canvas once and kept in memory as uint8."""
    if spec.fit != "stretch":
        raise DataError(f"training needs fit = 'stretch', not {spec.fit!r}")
    samples = []
    for pair in track(pairs, "loading images"):
        image, mask = load_pair(pair, spec.size)
        canvas, box = fit(image, spec)
        samples.append((canvas, resize(mask, box.width, box.height)))
    return samples


def labels(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(S, S, 2) uint8: the mask, and how near to its edge a pixel lies (F3Net, arXiv 1911.11445)."""
    window = max(3, mask.shape[0] // 12) | 1
    near_edge = cv2.absdiff(cv2.blur(mask, (window, window)), mask)
    return np.dstack([mask, near_edge])


def _odds(pairs: Sequence[Pair], data: DataConfig) -> NDArray[np.float64]:
    odds = np.array([odds_of(pair, data) for pair in pairs], np.float64)
    return np.asarray(odds / odds.sum(), np.float64)


def _share(rare: NDArray[np.bool_], most: float) -> NDArray[np.float64]:
    """Odds that give the marked entries at most the share `most`, uniform otherwise."""
    if not len(rare):
        return np.zeros(0)
    count, others = int(rare.sum()), int((~rare).sum())
    if not count or not others or count / len(rare) <= most:
        return np.full(len(rare), 1 / len(rare))
    return np.where(rare, most / count, (1 - most) / others)
