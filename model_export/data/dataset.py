"""Images with foreground masks: loaded in pairs, and split into training, validation and test.

No test image is ever trained on. `model_export/data/pairs.py` finds the pairs,
`model_export/data/files.py` reads their files; the rest of training calls the functions here.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Literal

from cutout.errors import DataError
from cutout.imaging.preprocess import Image, resize
from model_export.config import DataConfig
from model_export.data.files import Mask, load_cutout, load_image, load_mask, load_sized
from model_export.data.pairs import Pair, as_bytes, find_pairs

__all__ = [
    "SPLITS",
    "Mask",
    "Pair",
    "Split",
    "find_pairs",
    "fingerprint",
    "load_cutout",
    "load_image",
    "load_pair",
    "odds_of",
    "select",
    "select_some",
    "small_split_warning",
    "split_of",
    "split_of_key",
]

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "test", "validation")

VALIDATION_PERCENT = 7
TEST_PERCENT = 8
SMALL_SHARE = 10  # of small folders, validation and test get at least a tenth each,
ENOUGH_GROUPS = 10  # up to so many groups


def split_of(pair: Pair) -> Split:
    """Return the split of a pair, by a hash of its set and group: the same on every machine."""
    return split_of_key(_key(pair))


def split_of_key(key: str) -> Split:
    """Return the split that a key's hash gives."""
    bucket = _hash(key) % 100
    if bucket < TEST_PERCENT:
        return "test"
    return "validation" if bucket < TEST_PERCENT + VALIDATION_PERCENT else "train"


def select(pairs: Iterable[Pair], split: Split) -> list[Pair]:
    """Select the pairs of one split, in their order; `pairs` must be all that there are.

    Labels of a teacher are for training only: a score against them would measure the teacher.

    By the hash alone a small folder may leave a split next to nothing. A split with less than its
    least, a tenth of the groups and at most ten, gets groups of the largest one; three groups are
    enough for all splits.
    """
    everything = list(pairs)
    sides = {_key(pair): split_of(pair) for pair in everything if pair.taught is None}
    least = min(ENOUGH_GROUPS, max(1, len(sides) // SMALL_SHARE))
    for side in SPLITS:
        counts = Counter(sides.values())
        fullest = max(SPLITS, key=counts.__getitem__)
        movable = sorted((key for key, now in sides.items() if now == fullest), key=_hash)
        # one group at least stays where it is taken from
        missing = max(0, min(least - counts[side], len(movable) - 1))
        sides.update(dict.fromkeys(movable[:missing], side))
    # what has no side is a teacher's: to train on
    return [pair for pair in everything if sides.get(_key(pair), "train") == split]


def small_split_warning(pairs: Sequence[Pair]) -> str | None:
    """Return a warning where so few images are kept aside that scores on them say little.

    `pairs` must be all that there are.
    """
    drawn = sum(pair.taught is None for pair in pairs)
    validation = len(select(pairs, "validation"))
    test = len(select(pairs, "test"))
    if min(validation, test) >= ENOUGH_GROUPS:
        return None
    return (
        f"few images for validation ({validation}) and for the test ({test}), of {drawn} in all: "
        f"scores on fewer than {ENOUGH_GROUPS} are unreliable; bring "
        f"{SMALL_SHARE * ENOUGH_GROUPS} or more, or keep others in a directory of their own for "
        "`evaluate --split all`"
    )


def select_some(pairs: Sequence[Pair], split: Split) -> list[Pair]:
    """Select the pairs of one split, in their order; `pairs` must be all that there are.

    Raises DataError where that leaves none.
    """
    chosen = select(pairs, split)
    if not chosen and any(pair.taught for pair in pairs):
        raise DataError(
            "too few images with masks that a person made or checked, of "
            f"{len(pairs)} in all: none is left for {split}. A teacher's labels are for training "
            "alone; put a set of at least three others beside them"
        )
    if not chosen:
        raise DataError(
            f"too few images ({len(pairs)}): none is left for {split}; at least three of different "
            "clips are needed"
        )
    return chosen


def fingerprint(pairs: Sequence[Pair]) -> str:
    """Return the sha256 over names and contents of all files: it identifies a model's data."""
    digest = hashlib.sha256()
    for pair in sorted(pairs):
        # no name contains \0: it ends where the contents begin
        digest.update(as_bytes(f"{pair.name}\0"))
        digest.update(pair.image_path.read_bytes())
        shapes = (
            # of COCO the image's own outlines, not the JSON file of them all
            json.dumps(asdict(pair.shapes)).encode() if pair.shapes else pair.mask_path.read_bytes()
        )
        digest.update(shapes)
    return digest.hexdigest()


def load_pair(pair: Pair, least: int | None = None) -> tuple[Image, Mask]:
    """Load an image (H, W, 3) uint8 RGB and its mask (H, W) uint8, of one size.

    With `least`, both are reduced where they are far larger than so many pixels a side. A mask of
    the image's proportions, such as a teacher's that somebody has corrected, is resized to it.
    Raises DataError where the mask is empty or has other proportions, or a file cannot be read.
    """
    image, size = load_sized(pair.image_path, least)
    mask = load_mask(pair)
    if pair.taught is None and not _is_resized(mask.shape, size):
        raise DataError(
            f"{pair.mask_path}: the mask is {mask.shape[1]}x{mask.shape[0]} pixels, "
            f"its image {size[1]}x{size[0]}, in other proportions; save the mask at the image's "
            "size"
        )
    if not mask.any():
        raise DataError(
            f"{pair.mask_path}: the mask is empty; remove the pair or draw the foreground white "
            "(255)"
        )
    return image, resize(mask, image.shape[1], image.shape[0])


def _is_resized(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether a size is another one enlarged or reduced, each side to the nearest pixels."""
    scale = max(size) / max(other)
    return all(abs(ours - theirs * scale) <= 1 for ours, theirs in zip(size, other, strict=True))


def odds_of(pair: Pair, data: DataConfig) -> float:
    """Return the relative frequency with which a pair is drawn, 1 by default.

    A set `a/b` without a weight of its own has that of `a`. A teacher's label counts by its
    certainty.
    """
    of_set = data.weights.get(pair.set, data.weights.get(pair.set.partition("/")[0], 1.0))
    return of_set if pair.taught is None else of_set * data.soft_weight * pair.taught.certainty


def _key(pair: Pair) -> str:
    return f"{pair.set}/{pair.group}"


def _hash(key: str) -> int:
    # not Python's hash(), which is another in every process
    return int.from_bytes(hashlib.sha256(as_bytes(key)).digest()[:8], "big")
