"""Pictures with foreground masks: found, checked, loaded, and split so that no test picture was ever trained on.

A data folder holds sets side by side, each with `images/` and `masks/` matched by stem:

    DIR/<set>/images/x.jpg + DIR/<set>/masks/x.png        (or DIR/images + DIR/masks: one set, named after DIR)

A mask is one 8-bit channel, 255 = foreground, as large as its picture.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from app.errors import DataError
from app.imaging.preprocess import Image

Mask = NDArray[np.uint8]
Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "test", "validation")

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
VALIDATION_PERCENT = 7
TEST_PERCENT = 8


@dataclass(frozen=True, order=True)
class Pair:
    """One picture and its mask. `group` names what must stay on one side of a split: the picture, or its clip."""

    set: str
    stem: str
    group: str
    image_path: Path
    mask_path: Path


def find_pairs(root: Path, sets: Sequence[str] | None = None, clips: Mapping[str, str] | None = None) -> list[Pair]:
    """All pairs below `root`, sorted by set and stem.

    `clips` maps a set to a regular expression whose first group names the clip in a stem, so that all the frames of
    one clip share a side of the split. Raises DataError where a folder or a mask is missing.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder of training pictures")
    folders = [root] if (root / "images").is_dir() else sorted(path.parent for path in root.glob("*/images"))
    if sets is not None:
        _refuse_unknown(root, sets, folders)
        folders = [folder for folder in folders if folder.name in sets]
    pairs = [pair for folder in folders for pair in _pairs_of(folder, (clips or {}).get(folder.name))]
    if not pairs:
        raise DataError(f"{root}: no pictures found; expected {root}/<set>/images/x.jpg with <set>/masks/x.png")
    return pairs


def split_of(pair: Pair) -> Split:
    """The side a pair belongs to, from a hash of its set and group: the same on every machine."""
    return split_of_key(_key(pair))


def split_of_key(key: str) -> Split:
    bucket = _hash(key) % 100
    if bucket < TEST_PERCENT:
        return "test"
    return "validation" if bucket < TEST_PERCENT + VALIDATION_PERCENT else "train"


def select(pairs: Iterable[Pair], split: Split) -> list[Pair]:
    """The pairs of one side, in their order. `pairs` are all there are.

    Where so few leave a side empty, it gets a group of the fullest one: three groups are enough for all sides.
    """
    everything = list(pairs)
    sides = {_key(pair): split_of(pair) for pair in everything}
    for empty in [side for side in SPLITS if side not in sides.values()]:
        counts = Counter(sides.values())
        fullest = max(SPLITS, key=counts.__getitem__)
        if counts[fullest] > 1:
            sides[min((key for key, side in sides.items() if side == fullest), key=_hash)] = empty
    return [pair for pair in everything if sides[_key(pair)] == split]


def select_some(pairs: Sequence[Pair], split: Split) -> list[Pair]:
    """As `select`, but raises DataError where that leaves none."""
    chosen = select(pairs, split)
    if not chosen:
        raise DataError(
            f"{len(pairs)} pictures are too few: none is left for {split}; three pictures of different clips would do"
        )
    return chosen


def fingerprint(pairs: Sequence[Pair]) -> str:
    """sha256 over names and contents of all files: which data a model saw."""
    digest = hashlib.sha256()
    for pair in sorted(pairs):
        digest.update(f"{pair.set}/{pair.stem}\0".encode())
        digest.update(pair.image_path.read_bytes())
        digest.update(pair.mask_path.read_bytes())
    return digest.hexdigest()


def load_image(path: Path) -> Image:
    """An image (H, W, 3) uint8 RGB. Raises DataError naming the file if it can't be read."""
    bgr = _decode(path, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(bgr[:, :, ::-1])


def load_mask(path: Path) -> Mask:
    """A mask (H, W) uint8 in 0..255. Raises DataError naming the file if it can't be read."""
    return _decode(path, cv2.IMREAD_GRAYSCALE)


def load_pair(pair: Pair) -> tuple[Image, Mask]:
    """The picture (H, W, 3) and its mask (H, W). Raises DataError where the mask is empty or of another size."""
    image, mask = load_image(pair.image_path), load_mask(pair.mask_path)
    if mask.shape != image.shape[:2]:
        raise DataError(
            f"{pair.mask_path}: the mask is {mask.shape[1]}x{mask.shape[0]} pixels, "
            f"its picture {image.shape[1]}x{image.shape[0]}; save the mask at the picture's size"
        )
    if not mask.any():
        raise DataError(f"{pair.mask_path}: the mask is empty; remove the pair or draw the foreground white (255)")
    return image, mask


def load_cutout(path: Path) -> NDArray[np.uint8]:
    """A cut-out (H, W, 4) uint8 RGBA. Raises DataError if it can't be read or has no transparency."""
    bgra = _decode(path, cv2.IMREAD_UNCHANGED)
    if bgra.ndim != 3 or bgra.shape[2] != 4:
        raise DataError(f"{path}: a cut-out needs an alpha channel")
    return np.ascontiguousarray(bgra[:, :, [2, 1, 0, 3]])


def _key(pair: Pair) -> str:
    return f"{pair.set}/{pair.group}"


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


def _pairs_of(folder: Path, clip: str | None) -> list[Pair]:
    masks = {path.stem: path for path in sorted((folder / "masks").glob("*")) if path.suffix.lower() in IMAGE_SUFFIXES}
    pairs = []
    for path in sorted((folder / "images").glob("*")):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        if path.stem not in masks:
            raise DataError(f"{path}: no mask; expected {folder / 'masks' / path.stem}.png")
        pairs.append(Pair(folder.name, path.stem, _group(path.stem, clip), path, masks[path.stem]))
    return pairs


def _group(stem: str, clip: str | None) -> str:
    match = re.fullmatch(clip, stem) if clip else None
    return match.group(1) if match else stem


def _decode(path: Path, flags: int) -> NDArray[np.uint8]:
    data = np.fromfile(path, np.uint8)
    pixels = cv2.imdecode(data, flags) if data.size else None
    if pixels is None:
        raise DataError(f"{path}: not a readable picture; replace or remove it")
    return np.asarray(pixels, np.uint8)


def _refuse_unknown(root: Path, sets: Sequence[str], folders: Sequence[Path]) -> None:
    missing = sorted(set(sets) - {folder.name for folder in folders})
    if missing:
        raise DataError(f"{root}: no such set: {', '.join(missing)}")
