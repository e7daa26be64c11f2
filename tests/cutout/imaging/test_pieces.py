"""False pieces of an alpha: what goes, what stays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cutout.imaging.pieces import without_false_pieces


def scene(*pieces: tuple[int, int, float]) -> NDArray[np.float32]:
    """An alpha (60, 200) of squares: (left, side, alpha), each with a soft edge of 0.2."""
    alpha = np.zeros((60, 200), np.float32)
    for left, side, level in pieces:
        alpha[9 : 11 + side, left - 1 : left + side + 1] = 0.2
        alpha[10 : 10 + side, left : left + side] = level
    return alpha


@pytest.mark.parametrize(
    ("side", "level", "stays"),
    [
        (27, 0.7, True),  # a third of the mass: a subject of its own, be the network sure or not
        (16, 0.7, False),  # a tenth, and not sure
        (16, 0.99, True),  # a tenth, and sure
        (4, 0.99, True),
        (1, 0.99, False),  # a speck
        (20, 0.3, False),  # a false piece
    ],
)
def test_a_second_piece_stays_if_it_is_large_or_sure(side: int, level: float, stays: bool) -> None:
    alpha = scene((10, 40, 1.0), (100, side, level))
    done = without_false_pieces(alpha)
    np.testing.assert_array_equal(done[:, :90], alpha[:, :90])
    if stays:
        np.testing.assert_array_equal(done, alpha)
    else:
        assert not done[:, 90:].any()  # with its soft edge


def test_what_hangs_together_with_the_subject_by_a_faint_alpha_loses_its_false_piece_alone() -> (
    None
):
    alpha = scene((10, 40, 1.0), (80, 10, 0.6))
    alpha[12, 10:90] = np.maximum(alpha[12, 10:90], 0.1)
    done = without_false_pieces(alpha)
    assert done[14, 85] == 0
    assert done[12, 60] == np.float32(0.1)
    np.testing.assert_array_equal(done[:, :52], alpha[:, :52])


def test_without_anything_solid_nothing_is_changed() -> None:
    faint = scene((10, 40, 0.3), (100, 10, 0.2))
    assert without_false_pieces(faint) is faint


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 3))
def test_alpha_only_ever_falls_to_zero_and_the_largest_piece_stays(seed: int, power: float) -> None:
    noise = np.random.default_rng(seed).random((24, 31), np.float32) ** np.float32(power)
    done = without_false_pieces(noise)
    assert ((done == noise) | (done == 0)).all()
    if (noise > 0.4).any():
        assert (done > 0.4).any()
