"""Where the subject sits on its canvas."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cutout.imaging import arrange
from cutout.imaging.box import Box, Size
from cutout.imaging.decode import Raster
from cutout.imaging.encode import encode_zip
from cutout.options import Margins
from tests.support.images import decoded

Pixels = NDArray[np.uint8]


def block(width: int, height: int, box: tuple[int, int, int, int]) -> Pixels:
    """An empty cut-out with one opaque orange rectangle, (left, top, width, height)."""
    pixels = np.zeros((height, width, 4), np.uint8)
    left, top, across, down = box
    pixels[top : top + down, left : left + across] = (250, 120, 10, 255)
    return pixels


@pytest.mark.parametrize(
    ("size", "megapixels", "fitting"),
    [
        ((1000, 640), 0.25, (625, 400)),
        ((6250, 4000), 25, (6250, 4000)),
        ((6251, 4000), 25, (6250, 3999)),
        ((100, 100), None, (100, 100)),
        ((100_000, 1), 0.001, (10_000, 1)),
    ],
)
def test_a_image_is_made_smaller_to_the_pixel(
    size: tuple[int, int], megapixels: float | None, fitting: tuple[int, int]
) -> None:
    assert Size(*size).fitting(megapixels) == fitting


@given(st.integers(1, 9000), st.integers(1, 9000), st.floats(1e-4, 50))
def test_fitting_keeps_the_limit_and_the_proportions(
    width: int, height: int, megapixels: float
) -> None:
    across, down = Size(width, height).fitting(megapixels)
    assert (across, down) <= (width, height)
    assert across * down <= max(megapixels * 1e6 * (1 + 1e-9), max(across, down))
    assert abs(across * height - down * width) <= max(width, height) or 1 in (across, down)


def test_a_image_with_transparency_keeps_it_when_made_smaller() -> None:
    pixels = block(100, 100, (0, 0, 50, 100))
    image = Raster(pixels[:, :, :3].copy(), pixels[:, :, 3].copy(), Size(100, 100))
    smaller = image.resized(Size(50, 50))
    assert smaller.image.shape == (50, 50, 3)
    assert smaller.alpha is not None
    assert smaller.alpha[:, :25].min() == 255
    assert smaller.alpha[:, 25:].max() == 0


def test_what_a_image_hides_does_not_show_when_it_is_made_smaller() -> None:
    pixels = block(
        100, 100, (51, 0, 49, 100)
    )  # every pixel empty or solid; one column of the smaller one is both
    pixels[pixels[:, :, 3] == 0] = (0, 255, 0, 0)
    smaller = Raster(pixels[:, :, :3], pixels[:, :, 3], Size(100, 100)).resized(Size(50, 50))
    assert smaller.alpha is not None
    assert 0 < smaller.alpha[0, 25] < 255
    assert np.abs(smaller.image[:, 25:].astype(int) - (250, 120, 10)).max() <= 2
    assert smaller.image[:, :25].min() == 255
    assert smaller.upload == Size(100, 100)


@pytest.mark.parametrize(
    ("margin", "shape", "corner"),
    [
        ("0", (10, 20), (0, 0)),
        ("5px", (20, 30), (5, 5)),
        ("10% 50%", (12, 40), (1, 10)),
        ("40px 0 0 60px", (50, 80), (40, 60)),
    ],
)
def test_a_crop_has_exactly_the_room_asked_for(
    margin: str, shape: tuple[int, int], corner: tuple[int, int]
) -> None:
    image = block(100, 80, (70, 2, 20, 10))
    subject = arrange.subject_box(image)
    assert subject is not None
    box = Margins.parse(margin).around(subject)
    assert box == Box(70 - corner[1], 2 - corner[0], shape[1], shape[0])
    cropped = arrange.crop(image, box)
    assert cropped.shape[:2] == shape
    rows, columns = np.nonzero(cropped[:, :, 3])
    assert (rows.min(), columns.min()) == corner
    assert (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) == (10, 20)


@pytest.mark.parametrize(
    ("scale", "position", "box"),
    [
        (None, None, (10, 20, 20, 10)),
        (None, (0.5, 0.5), (40, 35, 20, 10)),
        (None, (0.0, 1.0), (0, 70, 20, 10)),
        (1.0, (0.5, 0.5), (0, 15, 100, 50)),
        (0.5, (1.0, 0.0), (50, 0, 50, 25)),
        (0.5, None, (0, 13, 50, 25)),
    ],
)
def test_the_subject_is_scaled_and_placed_on_the_same_canvas(
    scale: float | None, position: tuple[float, float] | None, box: tuple[int, int, int, int]
) -> None:
    placed = arrange.scale_and_move(block(100, 80, (10, 20, 20, 10)), scale, position)
    assert placed.shape == (80, 100, 4)
    found = arrange.subject_box(placed)
    assert found is not None
    assert np.abs(np.subtract((found.left, found.top, found.width, found.height), box)).max() <= 1


def test_nothing_happens_to_an_empty_cutout() -> None:
    empty = np.zeros((8, 9, 4), np.uint8)
    assert arrange.subject_box(empty) is None
    assert arrange.scale_and_move(empty, 0.5, (0.0, 0.0)) is empty


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.1, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_subject_never_leaves_its_canvas(
    width: int, height: int, scale: float, x: float, y: float
) -> None:
    canvas = block(max(width, 7), max(height, 5), (0, 0, min(width, 7), min(height, 5)))
    placed = arrange.scale_and_move(canvas, scale, (x, y))
    assert placed.shape == canvas.shape
    assert arrange.subject_box(placed) is not None


def test_a_zip_holds_colour_and_alpha_and_puts_together_again() -> None:
    pixels = block(80, 60, (20, 20, 33, 17))
    with zipfile.ZipFile(io.BytesIO(encode_zip(pixels))) as archive:
        assert archive.namelist() == ["color.jpg", "alpha.png"]
        color, alpha = decoded(archive.read("color.jpg")), decoded(archive.read("alpha.png"))
    assert np.array_equal(alpha, pixels[:, :, 3])
    assert (
        np.abs(color[alpha > 0].astype(int) - (250, 120, 10)).max() <= 4
    )  # JPEG's own loss, no black mixed in
