"""Alphas compressed for WebP, read again by libwebp: every value is what it was."""

import io

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image as Pillow

from cutout.imaging import webp
from cutout.imaging.box import Size
from cutout.imaging.metadata import NOTHING
from cutout.imaging.preprocess import Matte
from cutout.imaging.webp_alpha import LONGEST, PIECE, compressed

ANY = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40))
SOFT = ANY.map(lambda alpha: np.repeat(np.repeat(alpha // 64 * 85, 7, axis=1), 3, axis=0))


def opened(alpha: Matte, body: bytes) -> Matte:
    """What libwebp reads of a file with this alpha on black."""
    height, width = alpha.shape
    black = webp.planes(np.zeros((height, width, 3), np.uint8), None, 50)
    file = webp.still({b"ALPH": body, **black}, Size(width, height), None, NOTHING)
    return np.asarray(Pillow.open(io.BytesIO(file)).convert("RGBA"))[:, :, 3]


@given(st.one_of(ANY, SOFT))
@example(np.zeros((1, 1), np.uint8))
@example(np.full((1, 1), 255, np.uint8))
@example(np.full((9, 1), 255, np.uint8))
@example(np.full((3, LONGEST + 2), 255, np.uint8))
@example(np.zeros((PIECE // 4096 + 1, 4097), np.uint8))
def test_every_alpha_is_read_as_it_was(alpha: Matte) -> None:
    assert np.array_equal(opened(alpha, compressed(alpha)), alpha)


def test_codes_are_no_longer_than_the_format_allows() -> None:
    # Counts like Fibonacci's numbers make Huffman's tree as deep as can be: 19 values, 18 bits.
    counts = [1, 1]
    while len(counts) < 19:
        counts.append(counts[-1] + counts[-2])
    # Each value evenly over the whole, as runs would be counted otherwise.
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    steps = np.repeat(np.arange(19), counts)[np.argsort(places)]
    alpha = np.cumsum(steps).astype(np.uint8)[None]
    assert np.array_equal(opened(alpha, compressed(alpha)), alpha)


def test_flat_areas_take_next_to_nothing() -> None:
    alpha = np.zeros((1000, 1000), np.uint8)
    alpha[200:800, 200:800] = 255
    assert len(compressed(alpha)) < 2000


def test_noise_is_no_longer_than_it_is_uncompressed() -> None:
    alpha = np.random.default_rng(1).integers(0, 256, (300, 400)).astype(np.uint8)
    assert len(compressed(alpha)) < alpha.size * 1.01
