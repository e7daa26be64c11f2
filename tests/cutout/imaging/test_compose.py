"""Cut-outs and composites: nothing of the background stays, no fringe, no loss."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image as Pillow

from cutout.imaging import compose
from cutout.imaging.compose import LazyCutout
from cutout.imaging.encode import encode_png
from cutout.imaging.matting.foreground import cell_colors
from cutout.imaging.straight_alpha import resize_cutout

RED, WHITE = np.array([255, 0, 0, 255], np.uint8), np.array([255, 255, 255, 255], np.uint8)


def soft_disc(side: int = 200) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A green disc with a soft edge photographed on blue: the image, and its true alpha."""
    disc = np.zeros((side, side), np.uint8)
    cv2.circle(disc, (side // 2, side // 2), side // 4, 255, -1)
    alpha = np.asarray(cv2.GaussianBlur(disc, (0, 0), 3), np.uint8)
    share = alpha[..., np.newaxis] / 255
    image = np.rint(share * [30, 200, 40] + (1 - share) * [20, 40, 220]).astype(np.uint8)
    return image, alpha


def test_edges_take_the_subjects_color_and_nothing_else_changes() -> None:
    image, alpha = soft_disc()
    pixels = LazyCutout(image, alpha).whole()
    np.testing.assert_array_equal(pixels[..., 3], alpha)
    assert not pixels[alpha == 0].any()
    np.testing.assert_array_equal(pixels[alpha == 255][:, :3], image[alpha == 255])
    edge = (alpha > 0) & (alpha < 255)
    seen = alpha[edge][:, np.newaxis] / 255  # a pixel's colour shows as much as its alpha lets it
    assert (seen * np.abs(pixels[edge][:, :3].astype(int) - [30, 200, 40])).max() <= 10
    assert (
        seen * np.abs(image[edge].astype(int) - [30, 200, 40])
    ).max() > 40  # what the image itself would leave


@pytest.mark.parametrize("shape", [(700, 900), (1501, 1203), (30, 5000), (1, 1)])
def test_colors_of_cells_that_were_made_ahead_change_nothing(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0])
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    alpha = np.zeros(shape, np.uint8)
    alpha[shape[0] // 2 :, shape[1] // 3 :] = 255  # with an edge in the last cells too
    alpha = np.asarray(cv2.blur(alpha, (9, 9)), np.uint8)
    made = LazyCutout(image, alpha, cell_colors(image)).whole()
    np.testing.assert_array_equal(made, LazyCutout(image, alpha).whole())


@pytest.mark.parametrize("shape", [(700, 900), (5000, 30), (30, 5000), (1, 1)])
def test_a_file_made_band_by_band_holds_the_cutout(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0])
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    soft = np.clip(cv2.resize(rng.normal(128, 300, (9, 9)), shape[::-1]), 0, 255).astype(np.uint8)
    for alpha in (soft, np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)):
        file = encode_png(LazyCutout(image, alpha))
        np.testing.assert_array_equal(
            np.asarray(Pillow.open(io.BytesIO(file))), LazyCutout(image, alpha).whole()
        )


def test_the_uploads_own_transparency_multiplies_in() -> None:
    image, alpha = soft_disc()
    own = np.full_like(alpha, 51)
    own[:100] = 0
    pixels = LazyCutout(image, compose.multiply_alphas(alpha, own)).whole()
    assert not pixels[:100].any()
    assert abs(int(pixels[110, 100, 3]) - 51) <= 1


@given(arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(4))))
def test_any_cutout_leaves_nothing_where_alpha_is_zero(pixels: NDArray[np.uint8]) -> None:
    image, alpha = np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])
    cutout = LazyCutout(image, alpha).whole()
    np.testing.assert_array_equal(cutout[..., 3], alpha)
    assert not cutout[alpha == 0].any()
    np.testing.assert_array_equal(cutout[alpha == 255][:, :3], image[alpha == 255])


@given(arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(4))))
def test_a_composite_is_the_weighted_mean(pixels: NDArray[np.uint8]) -> None:
    share = pixels[..., 3:] / 255
    expected = pixels[..., :3] * share + RED[:3] * (1 - share)
    assert np.abs(compose.on_color(pixels, RED) - expected).max() <= 0.51


def test_a_translucent_color_stays_translucent() -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, 1] = 10, 200, 30, 255
    pixels[0, 2] = 0, 0, 0, 128
    composite = compose.on_color(pixels, np.array([255, 0, 0, 128], np.uint8))
    assert composite[0].tolist() == [[255, 0, 0, 128], [10, 200, 30, 255], [85, 0, 0, 192]]


def test_a_background_image_covers_and_keeps_to_the_middle() -> None:
    background = np.zeros((30, 90, 3), np.uint8)
    background[:, 30:60] = 255
    empty = np.zeros((60, 60, 4), np.uint8)
    assert compose.on_image(empty, background).min() == 255
    assert background[:, :30].max() == 0  # the caller's own array is left alone
    same = background.copy()
    compose.on_image(np.full((30, 90, 4), 255, np.uint8), background)
    np.testing.assert_array_equal(background, same)


def test_a_narrow_background_does_not_ask_for_gigabytes() -> None:
    assert (
        compose.on_image(
            np.zeros((500, 500, 4), np.uint8), np.full((1, 60_000, 3), 7, np.uint8)
        ).max()
        == 7
    )


@pytest.mark.parametrize("longest", [64, 33, 7, 1])
def test_shrinking_leaves_no_dark_fringe(longest: int) -> None:
    pixels = np.zeros((128, 96, 4), np.uint8)
    cv2.circle(pixels, (48, 64), 40, (250, 200, 150, 255), -1)
    small = compose.limit_size(pixels, longest)
    assert max(small.shape[:2]) == longest
    visible = small[small[..., 3] > 0].astype(int)
    difference = visible[:, 3:] * np.abs(visible[:, :3] - [250, 200, 150])
    assert difference.max() <= 1.5 * 255  # as much as can be seen of it: rounding


@pytest.mark.parametrize("longest", [None, 128, 500])
def test_limit_size_never_enlarges(longest: int | None) -> None:
    pixels = np.zeros((128, 96, 4), np.uint8)
    assert compose.limit_size(pixels, longest) is pixels


@given(arrays(np.uint8, (9, 7, 4)), st.sampled_from([(3, 5), (7, 4), (14, 18), (7, 9), (30, 31)]))
def test_a_resized_cutout_looks_on_any_background_as_the_exact_one_would(
    pixels: NDArray[np.uint8], size: tuple[int, int]
) -> None:
    pixels[pixels[:, :, 3] == 0] = 0
    resized = resize_cutout(pixels, *size)
    assert not resized[resized[:, :, 3] == 0].any()
    smaller = size[0] <= pixels.shape[1] and size[1] <= pixels.shape[0]
    exact = cv2.resize(
        premultiplied(pixels), size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    np.testing.assert_allclose(premultiplied(resized), exact, atol=2)


def premultiplied(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = pixels.astype(np.float32)
    values[:, :, :3] *= values[:, :, 3:] / 255
    return values
