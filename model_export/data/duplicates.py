"""Images that are nearly the same on both sides of the split: a test score that they make too
good.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Image, resize
from model_export.data.dataset import Pair, Split

HASH_SIDE, LOW = 32, 8  # of the cosine transform the 8 x 8 lowest frequencies, as pHash
ALIKE = 8  # bits of 64 that may differ between copies: recompressed, resized, a little cropped
DETAIL = (
    16  # side of the colour thumbnail that has to agree too: on white, silhouettes alone collide
)
SAME_COLORS = 14.0  # mean difference of 255


@dataclass(frozen=True)
class Twins:
    """Two images that look alike, on different sides of the split."""

    first: str
    first_side: str
    second: str
    second_side: str
    bits: int


def fingerprint_of(image: Image) -> NDArray[np.uint8]:
    """Return a fingerprint that survives a change of size or quality: 8 bytes of perceptual hash,
    then a 16x16 colour thumbnail.

    The hash: which of the low frequencies of the cosine transform lie above their median (Zauner,
    Implementation and benchmarking of perceptual image hash functions, 2010).
    """
    gray = np.asarray(
        cv2.cvtColor(resize(image, HASH_SIDE, HASH_SIDE), cv2.COLOR_RGB2GRAY), np.float32
    )
    low = cv2.dct(gray)[:LOW, :LOW].ravel()
    bits = np.packbits(low > np.median(low[1:]))
    return np.concatenate([bits, resize(image, DETAIL, DETAIL).ravel()])


def twins(images: Sequence[tuple[Pair, Split, NDArray[np.uint8]]]) -> list[Twins]:
    """Find every two near-duplicates on different sides of the split, most alike first."""
    if not images:
        return []
    prints = np.stack([fingerprint for _, _, fingerprint in images])
    hashes = np.ascontiguousarray(prints[:, :8]).view(np.uint64).ravel()
    sides = np.array([side for _, side, _ in images])
    found = []
    for place, (pair, side, fingerprint) in enumerate(images):
        distance = np.bitwise_count(hashes[place + 1 :] ^ hashes[place])
        for ahead in np.flatnonzero((distance <= ALIKE) & (sides[place + 1 :] != side)).tolist():
            other = place + 1 + ahead
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
