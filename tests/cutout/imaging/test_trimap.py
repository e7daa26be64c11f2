"""What the caller is sure of has the last word; the rest is the network's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cutout.imaging.box import Size
from cutout.imaging.decode import Raster
from cutout.imaging.trimap import Trimap, mask_of

MASKS = arrays(np.uint8, (7, 9), elements=st.sampled_from([0, 1, 128, 254, 255]))
ALPHAS = arrays(np.uint8, (7, 9))


@given(MASKS, ALPHAS)
def test_white_and_black_are_kept_to_the_pixel_and_grey_is_the_alpha(
    mask: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
    alpha: np.ndarray[tuple[int, int], np.dtype[np.uint8]],
) -> None:
    answer = Trimap.of(mask, Size(9, 7)).impose(alpha)
    expected = np.where(mask == 255, 255, np.where(mask == 0, 0, alpha))
    np.testing.assert_array_equal(answer, expected)


def test_a_smaller_mask_is_open_where_its_borders_are() -> None:
    mask = np.repeat(np.array([[0, 0, 255, 255]], np.uint8), 4, axis=0)
    trimap = Trimap.of(mask, Size(40, 40))
    assert (trimap.sure[:, 30:] == 255).all()
    assert not trimap.sure[:, :10].any()
    assert not trimap.open[:, :10].any()
    assert (trimap.open[:, 18:22] == 255).all()


def test_a_larger_mask_counts_by_its_area() -> None:
    mask = np.array([[255, 255, 0, 0], [255, 255, 0, 128]], np.uint8)
    trimap = Trimap.of(mask, Size(2, 1))
    assert trimap.sure.tolist() == [[255, 0]]
    assert trimap.open.tolist() == [[0, 64]]
    assert trimap.impose(np.full((1, 2), 200, np.uint8)).tolist() == [[255, 50]]


def test_a_coarse_alpha_is_told_what_is_sure_in_each_of_its_pixels() -> None:
    mask = np.array([[255, 255, 0, 0], [255, 0, 128, 128]], np.uint8)
    guided = Trimap.of(mask, Size(4, 2)).guide(np.full((1, 2), 0.5, np.float32))
    np.testing.assert_allclose(guided, [[0.75, 0.25]], atol=0.005)


def test_a_mask_with_nothing_grey_leaves_nothing_open() -> None:
    mask = np.zeros((4, 4), np.uint8)
    assert Trimap.of(mask, Size(4, 4)).leaves_nothing_open
    mask[1, 2] = 7
    assert not Trimap.of(mask, Size(4, 4)).leaves_nothing_open


def test_a_transparent_image_is_the_mask_of_its_transparency() -> None:
    image = np.full((2, 2, 3), 9, np.uint8)
    assert (mask_of(Raster(image, None, Size(2, 2))) == 9).all()
    alpha = np.array([[0, 255], [3, 4]], np.uint8)
    assert mask_of(Raster(image, alpha, Size(2, 2))) is alpha
