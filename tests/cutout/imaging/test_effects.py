"""Outlines and shadows are the layers that their docstrings describe."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from cutout.imaging import effects
from cutout.imaging.blur import blur

Pixels = NDArray[np.uint8]
RED = np.array([255, 0, 0, 255], np.uint8)
CLEAR_BLUE = np.array([0, 0, 255, 100], np.uint8)


def cutout(height: int = 60, width: int = 80) -> Pixels:
    """A grey block with a soft rim and faint alpha over the rest, straight alpha."""
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[2:, 3:] = (90, 150, 210, 20)
    pixels[19:41, 29:51] = (90, 150, 210, 130)
    pixels[20:40, 30:50] = (90, 150, 210, 255)
    return pixels


def under(pixels: Pixels, layer: NDArray[np.float64], color: Pixels) -> NDArray[np.float64]:
    """`_over` as its docstring says, each rounding included."""
    seen = np.rint(np.rint(layer * int(color[3]) / 255) * (255 - pixels[:, :, 3:]) / 255)
    own = pixels[:, :, 3:].astype(float)
    total = own + seen
    colors = np.rint((pixels[:, :, :3] * own + color[:3] * seen) / np.maximum(total, 1))
    return np.dstack([colors, total])


def is_close(pixels: Pixels, expected: NDArray[np.float64]) -> bool:
    return bool(np.abs(pixels - expected).max() <= 1)


@pytest.mark.parametrize("color", [RED, CLEAR_BLUE])
@pytest.mark.parametrize("width", [1, 8, 100])
def test_an_outline_goes_by_the_distance_to_the_subject(width: int, color: Pixels) -> None:
    pixels = cutout()
    solid = np.argwhere(pixels[:, :, 3] >= 128)
    rows, columns = np.arange(60)[:, None, None], np.arange(80)[None, :, None]
    away = np.sqrt((rows - solid[:, 0]) ** 2 + (columns - solid[:, 1]) ** 2)
    layer = np.rint(255 * np.clip(width + 0.5 - away.min(axis=2), 0, 1))[:, :, np.newaxis]
    assert is_close(effects.outlined(pixels.copy(), width, color), under(pixels, layer, color))


def test_an_outline_has_no_seams_where_it_is_worked_out_in_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = effects.outlined(cutout(), 9, RED)
    monkeypatch.setattr(effects, "ROWS", 4)
    np.testing.assert_array_equal(effects.outlined(cutout(), 9, RED), whole)


def test_a_soft_shadow_is_the_subject_lower_and_blurred() -> None:
    pixels = cutout(400, 300)
    pixels[100:300, 100:200] = (90, 150, 210, 255)
    moved = np.zeros((400, 300), np.uint8)
    unit = 6  # the box is 281 rows high, from 19 to 300
    moved[unit:] = pixels[:-unit, :, 3]
    layer = np.rint(0.4 * blur(moved, unit).astype(float))[:, :, np.newaxis]
    answer = effects.with_soft_shadow(pixels.copy())
    assert is_close(answer, under(pixels, layer, effects.BLACK))
    below, above = answer[304, 150], answer[96, 150]
    assert below[3] > above[3] > 20


def test_a_contact_shadow_is_only_where_the_subject_stands() -> None:
    pixels = np.zeros((400, 300, 4), np.uint8)
    for left in (80, 180):  # two legs under a table
        pixels[100:300, left : left + 20] = (1, 2, 3, 255)
    pixels[100:130, 80:200] = (1, 2, 3, 255)
    answer = effects.with_contact_shadow(pixels.copy())
    alpha = answer[:, :, 3]
    assert alpha[301, 90] > 30
    assert alpha[301, 190] > 30
    assert alpha[301, 140] == 0
    assert not alpha[320:].any()
    assert not alpha[:280, :70].any()
    assert not answer[alpha == 0].any()
    np.testing.assert_array_equal(answer[pixels[:, :, 3] == 255], pixels[pixels[:, :, 3] == 255])


@pytest.mark.parametrize(
    "dressed",
    [
        effects.with_soft_shadow,
        effects.with_contact_shadow,
        lambda pixels: effects.outlined(pixels, 5, RED),
    ],
)
def test_where_nothing_is_solid_nothing_is_added(dressed: Callable[[Pixels], Pixels]) -> None:
    faint = np.full((30, 40, 4), 20, np.uint8)
    np.testing.assert_array_equal(dressed(faint.copy()), faint)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 3)])
def test_the_smallest_subjects_are_dressed_too(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 4), 255, np.uint8)
    for answer in (
        effects.outlined(pixels.copy(), 3, RED),
        effects.with_soft_shadow(pixels.copy()),
        effects.with_contact_shadow(pixels.copy()),
    ):
        np.testing.assert_array_equal(answer, pixels)
