"""Encoding: lossless where it says so."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image as Pillow

from cutout.errors import InvalidOption
from cutout.imaging.encode import encode_jpeg, encode_png, encode_webp
from tests.support.images import decoded, is_near, quarters


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4])))
)
def test_png_is_lossless(pixels: NDArray[np.uint8]) -> None:
    pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    np.testing.assert_array_equal(decoded(encode_png(pixels)), pixels)
    np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(encode_png(pixels)))), pixels)


def test_png_of_many_bands_and_of_a_view_is_lossless() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (700, 900, 4), np.uint8)
    np.testing.assert_array_equal(decoded(encode_png(pixels[10:, 5:])), pixels[10:, 5:])


def test_lossy_formats_keep_colors_and_alpha() -> None:
    assert is_near(decoded(encode_jpeg(quarters()))[4::8, 4::8], quarters()[4::8, 4::8], 12)
    webp = decoded(encode_webp(quarters(4)))
    assert is_near(webp[4::8, 4::8, :3], quarters()[4::8, 4::8], 16)
    np.testing.assert_array_equal(webp[..., 3], quarters(4)[..., 3])


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(4))),
    st.sampled_from([0, 255, None]),
)
def test_the_alpha_of_a_webp_is_lossless(pixels: NDArray[np.uint8], even: int | None) -> None:
    if even is not None:
        pixels[:, ::2, 3] = even
    pixels[pixels[:, :, 3] == 0] = 0
    file = encode_webp(pixels)
    by_pillow = np.asarray(Pillow.open(io.BytesIO(file)).convert("RGBA"))
    np.testing.assert_array_equal(by_pillow[:, :, 3], pixels[:, :, 3])
    raw = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
    assert raw is not None
    np.testing.assert_array_equal(raw[:, :, 3] if raw.shape[2] == 4 else 255, pixels[:, :, 3])


def test_a_lossy_file_has_no_black_beside_the_subject() -> None:
    """What is transparent takes the subject's colour, so that a block of both has no edge."""
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, 21:43] = 250, 120, 10, 255
    colors = np.asarray(Pillow.open(io.BytesIO(encode_webp(pixels))).convert("RGB"))
    assert is_near(colors, np.full_like(colors, (250, 120, 10)), 6)


def test_a_side_too_long_for_the_format_is_an_invalid_option() -> None:
    for encode, side in ((encode_webp, 16_384), (encode_jpeg, 65_501)):
        with pytest.raises(InvalidOption, match="at most"):
            encode(np.zeros((1, side, 3), np.uint8))
