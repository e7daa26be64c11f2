"""Holes of an alpha: which are closed, by the colours that are seen through them."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cutout.imaging.holes import MAX_HOLES, without_false_holes

SIDE = 320
GROUND, SUBJECT = (200, 210, 220), (150, 40, 30)


def ring(inside: tuple[int, int, int]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """A ring's alpha with soft edges, and its image, in which its middle has that colour."""
    image = np.full((2 * SIDE, 2 * SIDE, 3), GROUND, np.uint8)
    middle = (SIDE, SIDE)
    cv2.circle(image, middle, 200, SUBJECT, -1)
    cv2.circle(image, middle, 120, inside, -1)
    alpha = np.zeros((SIDE, SIDE), np.float32)
    cv2.circle(alpha, (160, 160), 100, 1, -1)
    cv2.circle(alpha, (160, 160), 60, 0, -1)
    return np.asarray(cv2.blur(alpha, (5, 5)), np.float32), image


def test_through_a_true_hole_the_background_is_seen() -> None:
    alpha, image = ring(GROUND)
    np.testing.assert_array_equal(without_false_holes(alpha, image), alpha)


@pytest.mark.parametrize("inside", [(255, 255, 255), (90, 120, 60), SUBJECT])
def test_a_hole_of_another_colour_is_closed_with_its_soft_edge(
    inside: tuple[int, int, int],
) -> None:
    alpha, image = ring(inside)
    closed = without_false_holes(alpha, image)
    disc = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(disc, (160, 160), 95, 1, -1)
    assert closed[disc > 0].min() > 0.99
    outside = cv2.dilate(disc, np.ones((13, 13), np.uint8)) == 0
    np.testing.assert_array_equal(closed[outside], alpha[outside])


def test_where_no_background_is_left_nothing_is_closed() -> None:
    alpha, image = ring((255, 255, 255))
    alpha[alpha < 0.5] += np.float32(0.2)  # nowhere clear
    assert without_false_holes(alpha, image) is alpha


def test_a_notch_at_the_edge_is_no_hole() -> None:
    alpha = np.ones((SIDE, SIDE), np.float32)
    alpha[:100, 100:200] = 0
    alpha[200:, :50] = 0
    image = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    image[:100, 100:200] = SUBJECT
    assert without_false_holes(alpha, image) is alpha


def test_of_many_holes_the_largest_are_looked_at() -> None:
    alpha = np.ones((SIDE, SIDE), np.float32)
    alpha[:, :20] = 0
    image = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    for number in range(100):
        row, column = divmod(number, 10)
        size = 12 if number < MAX_HOLES else 5
        top, left = 5 + 30 * row, 30 + 28 * column
        alpha[top : top + size, left : left + size] = 0
        image[top : top + size, left : left + size] = SUBJECT
    closed = without_false_holes(alpha, image)
    assert closed[5:17, 30:42].min() == 1
    assert closed[277, 284] == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60))
def test_alpha_is_never_lowered_and_the_outside_stays(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    alpha = cv2.blur(rng.random((height, width)).astype(np.float32), (3, 3))
    image = rng.integers(0, 256, (2 * height, 3 * width, 3), np.uint8)
    closed = without_false_holes(np.asarray(alpha, np.float32), image)
    assert closed.dtype == np.float32
    assert (closed >= alpha).all()
    assert set(np.unique(closed[closed != alpha])) <= {1}
