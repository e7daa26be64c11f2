"""Near-duplicates on different sides of the split, which make a test score too good."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Image, resize
from model_export.data.dataset import Pair, Split

HASH_SIDE, LOW = 32, 8  # the 8 x 8 lowest frequencies of a 32 x 32 cosine transform, as in pHash
ALIKE = 8  # bits of 64 that may differ between copies: recompressed, resized, a little cropped
# Side of a colour thumbnail that has to agree too: silhouettes on white have the same hash.
DETAIL = 16
SAME_COLORS = 14.0  # mean difference of thumbnails, of 255


@dataclass(frozen=True)
class Twins:
    """Two images that look alike, on different sides of the split; `bits` of their hash differ."""

    first: str
    first_side: str
    second: str
    second_side: str
    bits: int


def fingerprint_of(image: Image) -> NDArray[np.uint8]:
    """Compute a fingerprint (776,) uint8 that survives a change of size or quality.

    `image` is (H, W, 3) uint8 RGB. The first 8 bytes are a perceptual hash: which of the low
    frequencies of the cosine transform lie above their median (Zauner, Implementation and
    benchmarking of perceptual image hash functions, 2010). Then follows a 16x16 colour thumbnail.
    """
    gray = np.asarray(
        cv2.cvtColor(resize(image, HASH_SIDE, HASH_SIDE), cv2.COLOR_RGB2GRAY), np.float32
    )
    low = cv2.dct(gray)[:LOW, :LOW].ravel()
    # without the first, the mean brightness, which is far larger than all others
    bits = np.packbits(low > np.median(low[1:]))
    return np.concatenate([bits, resize(image, DETAIL, DETAIL).ravel()])


def twins(images: Sequence[tuple[Pair, Split, NDArray[np.uint8]]]) -> list[Twins]:
    """Find all near-duplicates on different sides of the split, most alike first.

    `images` are pairs with their split and their fingerprint (776,) uint8.
    """
    if not images:
        return []
    prints = np.stack([fingerprint for _, _, fingerprint in images])
    # 8 bytes as one number, so that a XOR compares 64 bits; `view` needs them side by side
    hashes = np.ascontiguousarray(prints[:, :8]).view(np.uint64).ravel()
    sides = np.array([side for _, side, _ in images])
    found = []
    for place, (pair, side, fingerprint) in enumerate(images):
        distance = np.bitwise_count(hashes[place + 1 :] ^ hashes[place])
        for ahead in np.flatnonzero((distance <= ALIKE) & (sides[place + 1 :] != side)).tolist():
            other = place + 1 + ahead
            # int16: a difference of uint8 would wrap around
            difference = np.abs(prints[other, 8:].astype(np.int16) - fingerprint[8:]).mean()
            if difference <= SAME_COLORS:
                second, second_side, _ = images[other]
                twin = Twins(
                    str(pair.image_path),
                    side,
                    str(second.image_path),
                    second_side,
                    int(distance[ahead]),
                )
                found.append(twin)
    return sorted(found, key=lambda each: each.bits)
