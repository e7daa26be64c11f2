"""What training and serving share: every constant of the spec, and no NaN whatever the image."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydantic import ValidationError

from cutout.imaging.box import Size
from cutout.imaging.mask import restore
from cutout.imaging.preprocess import PreprocessSpec, canvas_box, fit, normalize, preprocess, resize

CLASSIFIER = PreprocessSpec(color="gray", size=64, fit="crop", scale="minmax")
sizes = st.integers(1, 128)  # beyond 128 to 1 `restore` no longer keeps the canvas's scale
images = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))


@given(images)
def test_minmax_spans_zero_to_one(image: NDArray[np.uint8]) -> None:
    tensor = preprocess(image, CLASSIFIER)
    assert tensor.shape == (1, 64, 64, 1)
    assert tensor.dtype == np.float32
    assert tensor.min() == 0
    assert tensor.max() in (0, pytest.approx(1))


@pytest.mark.parametrize("value", [0, 7, 255])
def test_a_constant_image_gives_zeros(value: int) -> None:
    tensor = preprocess(np.full((30, 50, 3), value, np.uint8), CLASSIFIER)
    np.testing.assert_array_equal(tensor, 0)


def test_unit_mean_and_std_are_applied_channel_by_channel() -> None:
    spec = PreprocessSpec(
        color="rgb", size=8, fit="stretch", scale="unit", mean=(0.1, 0.2, 0.3), std=(1.0, 2.0, 4.0)
    )
    tensor = preprocess(np.full((5, 5, 3), 255, np.uint8), spec)
    np.testing.assert_allclose(tensor[0, 3, 3], [0.9, 0.4, 0.175], rtol=1e-6)


def test_nchw_and_bgr_only_reorder() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    usual = preprocess(image, PreprocessSpec(color="rgb", size=16, fit="stretch", scale="max"))
    other = preprocess(
        image, PreprocessSpec(color="bgr", size=16, fit="stretch", scale="max", layout="NCHW")
    )
    np.testing.assert_allclose(other, usual[..., ::-1].transpose(0, 3, 1, 2))


@given(width=sizes, height=sizes, mode=st.sampled_from(["stretch", "pad", "crop"]))
def test_the_image_lies_where_its_box_says(width: int, height: int, mode: str) -> None:
    spec = PreprocessSpec(color="gray", size=32, fit=mode, scale="unit", pad_value=9)  # type: ignore[arg-type]
    canvas, box = fit(np.full((height, width, 3), 200, np.uint8), spec)
    assert box == canvas_box(Size(width, height), spec)
    image = canvas[
        max(0, box.top) : box.bottom,
        max(0, box.left) : box.right,
    ]
    assert (image == 200).all()
    assert np.count_nonzero(canvas == 9) == canvas.size - image.size
    seen = restore((canvas[..., 0] == 200).astype(np.float32), box)
    assert seen.sum() == image.size


@pytest.mark.parametrize("mode", ["pad", "crop"])
def test_a_point_comes_back_to_where_it_was(mode: str) -> None:
    image = np.zeros((120, 200, 3), np.uint8)
    image[40:60, 90:110] = 255
    spec = PreprocessSpec(color="gray", size=64, fit=mode, scale="unit")  # type: ignore[arg-type]
    canvas, box = fit(image, spec)
    alpha = restore(np.ascontiguousarray(normalize(canvas, spec)[0, :, :, 0]), box)
    back = cv2.resize(alpha, (200, 120), interpolation=cv2.INTER_LINEAR) > 0.5
    rows, columns = np.nonzero(back)
    assert (rows.mean(), columns.mean()) == pytest.approx((49.5, 99.5), abs=1.5)


def detailed(width: int, height: int) -> NDArray[np.uint8]:
    """An image with detail at every scale, as photographs have."""
    rng = np.random.default_rng(2)
    image = np.full((height, width, 3), 128.0)
    for cells in (4, 16, 64, 256):
        patch = rng.normal(0, 40 / np.log2(cells), (cells, cells, 3))
        image += cv2.resize(patch, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(image, 0, 255), np.uint8)


@pytest.mark.parametrize(("width", "height"), [(2400, 1800), (2397, 1801), (1100, 3001)])
@pytest.mark.parametrize("side", [64, 320])
def test_large_images_are_reduced_first_and_hardly_differ(
    width: int, height: int, side: int
) -> None:
    image = detailed(width, height)
    exact = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    assert np.abs(resize(image, side, side).astype(int) - exact).mean() < 0.5


@given(width=st.integers(1, 1024), height=st.integers(1, 200))
def test_small_images_are_resized_in_one_exact_pass(width: int, height: int) -> None:
    image = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    interpolation = cv2.INTER_AREA if width >= 64 and height >= 64 else cv2.INTER_LINEAR
    np.testing.assert_array_equal(
        resize(image, 64, 64), cv2.resize(image, (64, 64), interpolation=interpolation)
    )


@pytest.mark.parametrize(
    "constants", [{"mean": (0.1, 0.2)}, {"std": (0.0,)}, {"size": 4}, {"unknown": 1}]
)
def test_a_spec_that_makes_no_sense_is_refused(constants: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PreprocessSpec.model_validate(
            {"color": "rgb", "size": 64, "fit": "pad", "scale": "unit", **constants}
        )
