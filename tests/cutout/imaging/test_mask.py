"""Alphas: put back in place, enlarged, refined along the image's edges, made hard."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cutout.imaging import mask as masks
from cutout.imaging.box import Size
from cutout.imaging.preprocess import PreprocessSpec, canvas_box


def scene(side: int = 600) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """An image of a textured blob with hairs on a textured ground, its true alpha, and what a
    network might say."""
    rng = np.random.default_rng(7)
    truth = np.zeros((side, side), np.uint8)
    middle = side // 2
    cv2.ellipse(truth, (middle, middle), (side // 4, side // 3), 20, 0, 360, 255, -1, cv2.LINE_AA)
    for angle in np.linspace(0, 2 * np.pi, 60):
        tip = (int(middle + 0.42 * side * np.cos(angle)), int(middle + 0.42 * side * np.sin(angle)))
        cv2.line(truth, (middle, middle), tip, 255, 2, cv2.LINE_AA)
    share = np.asarray(cv2.GaussianBlur(truth, (0, 0), 0.8), np.float32) / np.float32(255)
    patches = [
        cv2.resize(rng.normal(0, 12, (9, 9, 3)), (side, side), interpolation=cv2.INTER_CUBIC)
        for _ in range(2)
    ]
    foreground, background = (
        np.array([190, 120, 60]) + patches[0],
        np.array([70, 110, 160]) + patches[1],
    )
    mixed = share[..., np.newaxis] * foreground + (1 - share[..., np.newaxis]) * background
    image = np.clip(mixed + rng.normal(0, 2, mixed.shape), 0, 255).astype(np.uint8)
    coarse = cv2.GaussianBlur(
        cv2.resize(share, (80, 80), interpolation=cv2.INTER_AREA), (0, 0), 0.9
    )
    return image, share, np.asarray(coarse, np.float32)


def error(alpha: NDArray[np.uint8], truth: NDArray[np.float32]) -> float:
    return float(np.abs(alpha / np.float32(255) - truth).mean())


def test_refined_edges_are_far_nearer_the_truth_than_bilinear_ones() -> None:
    image, truth, coarse = scene()
    refined, enlarged = masks.refine(coarse, image), masks.to_size(coarse, 600, 600)
    assert error(refined, truth) < 0.35 * error(enlarged, truth)
    wrong, wrong_before = (((alpha > 127) != (truth > 0.5)).mean() for alpha in (refined, enlarged))
    assert wrong < 0.6 * wrong_before
    assert (
        np.count_nonzero((refined > 12) & (refined < 243)) < 0.1 * refined.size
    )  # sharp, not smeared


def test_grey_images_are_no_trap_for_the_rounding() -> None:
    """Where red, green and blue are one, the fit's matrix is singular but for its
    regularisation."""
    truth = np.zeros((320, 320), np.uint8)
    cv2.circle(truth, (160, 160), 90, 255, -1)
    image = np.repeat((220 - 200 * (truth[..., np.newaxis] > 0)).astype(np.uint8), 3, axis=2)
    coarse = np.asarray(
        cv2.GaussianBlur(cv2.resize(truth, (80, 80)), (0, 0), 1), np.float32
    ) / np.float32(255)
    assert ((masks.refine(coarse, image) > 127) != (truth > 0)).mean() < 0.002


def test_a_view_refines_like_its_copy() -> None:
    image, _, coarse = scene(300)
    view = image[20:270, 10:280]
    np.testing.assert_array_equal(masks.refine(coarse, view), masks.refine(coarse, view.copy()))


@pytest.mark.parametrize("longest", [80, 60])
def test_guidance_that_was_made_ahead_changes_nothing(longest: int) -> None:
    image, _, coarse = scene()
    coarse[:30] = coarse[:, :30] = 0  # the edges are in a part of the image
    made = masks.Guidance.of(image, longest)
    assert (made.grid == masks.Guidance.of(image, 80).grid) == (longest == 80)
    expected = masks.refine(coarse, image)
    np.testing.assert_array_equal(masks.refine(coarse, image, made), expected)


@given(
    value=st.floats(0, 1, width=32),
    width=st.integers(1, 90),
    height=st.integers(1, 90),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
)
def test_an_even_alpha_stays_even(
    value: float, width: int, height: int, rows: int, columns: int
) -> None:
    image = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    refined = masks.refine(np.full((rows, columns), value, np.float32), image)
    assert refined.shape == (height, width)
    expected = 0 if value < masks.CERTAIN else 255 if value > 1 - masks.CERTAIN else 255 * value
    # between the two a little of the image's noise may come through, none beyond
    assert np.abs(refined - np.float32(expected)).max() <= 1.01


def test_far_from_edges_nothing_is_left_or_lost() -> None:
    image, truth, coarse = scene()
    refined = masks.refine(coarse, image)
    far = cv2.GaussianBlur(truth, (0, 0), 20)
    assert refined[far < 1e-4].max() == 0
    assert refined[far > 1 - 1e-4].min() == 255


@pytest.mark.parametrize("size", [(1, 600), (2, 2000), (600, 1), (2000, 2), (3, 1999)])
def test_extreme_aspect_ratios_keep_their_subject(size: tuple[int, int]) -> None:
    coarse = np.zeros((256, 256), np.float32)
    coarse[64:192, 64:192] = 1
    narrow = np.full((size[1], size[0], 3), 128, np.uint8)
    alpha = masks.refine(coarse, narrow)
    middle = alpha[size[1] // 3 : size[1] - size[1] // 3, size[0] // 3 : size[0] - size[0] // 3]
    assert middle.min() == 255
    assert alpha.mean() < 160


@pytest.mark.parametrize("shape", [(1, 4000), (4000, 1), (3, 2000), (1, 1)])
def test_extreme_shapes_are_refined(shape: tuple[int, int]) -> None:
    coarse = np.random.default_rng(0).random((320, 320), np.float32)
    assert masks.refine(coarse, np.zeros((*shape, 3), np.uint8)).shape == shape


@given(
    fit=st.sampled_from(["stretch", "pad", "crop"]),
    width=st.integers(1, 120),
    height=st.integers(1, 120),
)
def test_restore_keeps_what_the_network_saw_in_place(fit: str, width: int, height: int) -> None:
    spec = PreprocessSpec(color="rgb", size=32, fit=fit, scale="unit")  # type: ignore[arg-type]
    box = canvas_box(Size(width, height), spec)
    seen = np.zeros((box.height, box.width), np.float32)
    seen[max(0, -box.top) : 32 - box.top, max(0, -box.left) : 32 - box.left] = 1
    np.testing.assert_array_equal(masks.restore(np.ones((32, 32), np.float32), box), seen)
    assert fit == "crop" or seen.all()


def test_restore_of_a_narrow_image_cropped_to_a_square_stays_small() -> None:
    spec = PreprocessSpec(color="rgb", size=320, fit="crop", scale="unit")
    whole = masks.restore(np.ones((320, 320), np.float32), canvas_box(Size(50_000_000, 1), spec))
    assert whole.shape == (1, 4096)
    assert np.flatnonzero(whole).tolist() == [
        2048
    ]  # the square in the middle, a pixel at the least
