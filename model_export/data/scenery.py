"""The cut-outs that training pastes, and the backgrounds it pastes them on."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cutout.imaging.compose import limit_size
from cutout.imaging.preprocess import Image, resize
from model_export.config import AugmentConfig, DataConfig
from model_export.data.augment import Sample, empty, lay, lift, paste
from model_export.data.composites import Cutout, beyond, plain_ground, with_hole
from model_export.data.dataset import (
    load_cutout,
    load_image,
    split_of_key,
)
from model_export.data.pairs import find_scenery

BESIDE = 0.6  # of the side: the most that each of two subjects takes up
TRIES = 4  # attempts to lay the second where it hides little of the first


class Scenery:
    """Cut-outs, and backgrounds to paste them on, from DIR/cutouts and DIR/backgrounds.

    A cut-out made from an image of a set of the same name stays on the side of the split that the
    hash gives that image; those of images in `aside`, as set/stem, are left out. `borrowed` are
    backgrounds (h, w, 3) uint8 RGB cut from the training images themselves, for the share
    `policy.borrow` of what is pasted; behind the share `policy.behind` lies another cut-out, as a
    chair or a basket lies behind a cat. `longest` is the longer side of cut-outs in pixels.
    """

    def __init__(
        self,
        root: Path,
        longest: int,
        borrowed: list[Image],
        policy: AugmentConfig,
        data: DataConfig,
        aside: Collection[str] = (),
    ) -> None:
        paths = find_scenery(root / "cutouts")
        found = find_scenery(root / "backgrounds")
        # the key that `split_of` makes of an image of a set of that name
        keys = {path: f"{path.parent.name}/{path.stem}" for path in paths}
        training = [
            path for path, key in keys.items() if key not in aside and split_of_key(key) == "train"
        ]
        self.cutouts = [Cutout(limit_size(load_cutout(path), longest)) for path in training]
        # larger than the canvas, so that a part of it fills one without being enlarged
        self.backgrounds = [
            _with_shorter_side(load_image(path, 2 * longest), 3 * longest // 2) for path in found
        ]
        self.borrowed = borrowed
        self.policy = policy
        rendered = np.array([path.parent.name in data.rendered for path in training])
        self.odds = _share(rendered, data.most_rendered)

    @property
    def can_paste(self) -> bool:
        """Whether there is anything to paste cut-outs on."""
        return bool(self.backgrounds or self.borrowed or self.policy.holes)

    def empty(self, size: int, rng: Generator) -> Sample:
        """Draw one of the backgrounds, as a sample of size x size with an empty mask."""
        return empty(_one_of(self.backgrounds, rng), size, rng)

    def pasted(self, sample: Sample, size: int, rng: Generator) -> Sample:
        """Paste a cut-out, often the foreground of `sample`, on a background: size x size."""
        if _happens(self.policy.holes, rng):
            shadow = _happens(self.policy.shadows, rng)
            ground = plain_ground(size, rng)
            return paste(with_hole(sample[0], ground, rng), ground, size, rng, shadow)
        if not (self.backgrounds or self.borrowed):
            return sample
        borrowed = self.borrowed and (not self.backgrounds or rng.random() < self.policy.borrow)
        background = _one_of(self.borrowed if borrowed else self.backgrounds, rng)
        if self.cutouts and rng.random() < self.policy.behind:
            background, _ = paste(self._any_cutout(rng), background, size, rng)
        return self._subjects(sample, background, size, rng)

    def _subjects(self, sample: Sample, background: Image, size: int, rng: Generator) -> Sample:
        """Paste one cut-out on the background, or two of which both count."""
        cutout = self.cutout(sample, rng)
        shadow = _happens(self.policy.shadows, rng)
        # lifted off a sample without foreground
        if not cutout.pixels.size:
            return sample
        if _happens(self.policy.beyond, rng):
            cutout = beyond(cutout, rng)
        if not _happens(self.policy.second, rng):
            return paste(cutout, background, size, rng, shadow)
        first = paste(cutout, background, size, rng, shadow, BESIDE)
        second = self._any_cutout(rng) if self.cutouts else cutout
        # a generator: each attempt draws anew; the mask of most foreground hides least
        laid = (lay(second, first, rng, shadow, BESIDE) for _ in range(TRIES))
        return max(laid, key=lambda made: int(made[1].sum(dtype=np.int64)))

    def cutout(self, sample: Sample, rng: Generator) -> Cutout:
        """Draw one of the cut-outs, or as often the foreground of `sample`."""
        if not self.cutouts or rng.random() < 0.5:
            return lift(sample)
        return self._any_cutout(rng)

    def _any_cutout(self, rng: Generator) -> Cutout:
        return self.cutouts[int(rng.choice(len(self.cutouts), p=self.odds))]


def _with_shorter_side(image: Image, side: int) -> Image:
    """Shrink an image to that shorter side; never enlarge it."""
    ratio = side / min(image.shape[:2])
    return (
        image
        if ratio >= 1
        else resize(image, round(image.shape[1] * ratio), round(image.shape[0] * ratio))
    )


def _happens(share: float, rng: Generator) -> bool:
    """Return True with that probability.

    A share of 0 draws nothing, so that a step that is off does not change the others.
    """
    return share > 0 and rng.random() < share


def _one_of(images: list[Image], rng: Generator) -> Image:
    return images[int(rng.integers(len(images)))]


def _share(rare: NDArray[np.bool_], most: float) -> NDArray[np.float64]:
    """Return odds that give the marked entries at most the share `most`, uniform otherwise."""
    if not len(rare):
        return np.zeros(0)
    count = int(rare.sum())
    others = int((~rare).sum())
    if not count or not others or count / len(rare) <= most:
        return np.full(len(rare), 1 / len(rare))
    return np.where(rare, most / count, (1 - most) / others)
