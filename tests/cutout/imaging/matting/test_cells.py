"""Blocks of cells: every wanted pixel is in one of them, and there are few."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cutout.imaging.matting.cells import Grid


def test_a_narrow_image_is_worked_on_in_few_blocks() -> None:
    for width, height in ((1, 60_000), (60_000, 1), (4, 15_000)):
        grid = Grid.like(width, height, 256)
        assert len(list(grid.windows(np.ones(grid.shape, np.bool_)))) <= 8


@given(
    side=st.integers(1, 20),
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    seed=st.integers(0, 99),
)
def test_windows_cover_every_wanted_pixel(side: int, width: int, height: int, seed: int) -> None:
    mask = np.where(
        np.random.default_rng(seed).random((height, width)) < 0.02, np.uint8(255), np.uint8(0)
    )
    grid = Grid(side, width, height)
    covered = np.zeros_like(mask)
    for window in grid.windows(grid.any(mask)):
        covered[window.rows, window.columns] += 1
        assert (
            grid.spread(np.zeros((*grid.shape, 3), np.float32), window).shape[:2]
            == covered[window.rows, window.columns].shape
        )
    assert covered.max(initial=0) <= 1
    assert covered[mask > 0].all()
