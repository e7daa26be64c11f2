"""The blur is the one that its module describes, step by step, and shows nothing of the subject."""

import numpy as np
import pytest
from numpy.typing import NDArray

from cutout.imaging.blur import blur, blur_filled

Maps = NDArray[np.float64]


def described(pixels: NDArray[np.uint8], radius: int) -> Maps:
    """The blur of (H, W, 4), or of a plane (H, W), word by word after the docstrings."""
    height, width = pixels.shape[:2]
    s = max(1, radius // 4, -(-max(height, width) // 1500))
    q = max(1, (radius + s // 2) // s)
    rows, columns = -(-height // s), -(-width // s)
    padded = np.zeros((rows * s, columns * s, *pixels.shape[2:]))
    padded[:height, :width] = pixels
    if pixels.ndim == 3:
        padded[:, :, :3] *= padded[:, :, 3:] / 255
    cells = padded.reshape(rows, s, columns, s, -1).mean(axis=(1, 3))
    if pixels.ndim == 3:
        cells = filled(cells)
    for _ in range(3):
        around = np.pad(cells, ((q, q), (q, q), (0, 0)), mode="edge")
        views = np.lib.stride_tricks.sliding_window_view(around, (2 * q + 1, 2 * q + 1), (0, 1))
        cells = views.mean(axis=(-2, -1))
    small = np.rint(cells)
    return bilinear(bilinear(small, s).transpose(1, 0, 2), s).transpose(1, 0, 2)[:height, :width]


def filled(cells: Maps) -> Maps:
    rows, columns = cells.shape[:2]
    around = np.full((1, 1, 3), 128.0)
    if max(rows, columns) > 1:
        even = np.pad(cells, ((0, rows % 2), (0, columns % 2), (0, 0)))
        quarters = even.reshape(len(even) // 2, 2, even.shape[1] // 2, 2, 4)
        coarser = filled(quarters.mean(axis=(1, 3)))
        around = bilinear(bilinear(coarser, 2).transpose(1, 0, 2), 2).transpose(1, 0, 2)
    share = cells[:, :, 3:] / 255
    return np.asarray((cells[:, :, :3] + around[:rows, :columns] / 64) / (share + 1 / 64))


def bilinear(lines: Maps, times: int) -> Maps:
    """Enlarge the first axis, from centre to centre."""
    at = np.clip((np.arange(len(lines) * times) + 0.5) / times - 0.5, 0, len(lines) - 1)
    first = np.floor(at).astype(int)
    second = np.minimum(first + 1, len(lines) - 1)
    share = (at - first)[:, None, None]
    return np.asarray(lines[first] * (1 - share) + lines[second] * share)


@pytest.mark.parametrize("radius", [1, 3, 8, 13, 40])
@pytest.mark.parametrize("size", [(37, 50), (1, 1), (90, 3), (64, 64)])
def test_it_is_what_the_docstring_says_within_a_level(size: tuple[int, int], radius: int) -> None:
    random = np.random.default_rng(radius)
    ground = random.integers(0, 256, (*size, 4), np.uint8)
    ground[: size[0] // 2, : size[1] // 2] = 0
    ground[size[0] // 3 :, :, 3] = 255
    ground[ground[:, :, 3] == 0] = 0
    assert np.abs(blur_filled(ground, radius) - described(ground, radius)).max() <= 1
    plane = ground[:, :, 0]
    assert np.abs(blur(plane, radius) - described(plane, radius)[:, :, 0]).max() <= 1


def test_a_large_image_is_blurred_on_fewer_cells() -> None:
    ground = np.full((2, 3001, 4), 255, np.uint8)
    ground[:, 1500:, 0] = 0
    assert np.abs(blur_filled(ground, 2) - described(ground, 2)).max() <= 1


def test_nothing_shines_through_from_where_nothing_was_seen() -> None:
    ground = np.zeros((200, 300, 4), np.uint8)
    ground[:] = (20, 120, 40, 255)
    ground[50:150, 100:250] = 0
    answer = blur_filled(ground, 12)
    assert np.abs(answer.astype(int) - (20, 120, 40)).max() <= 1


def test_of_a_background_that_is_not_seen_at_all_the_blur_is_grey() -> None:
    assert (blur_filled(np.zeros((9, 9, 4), np.uint8), 5) == 128).all()
