"""The subject that an alpha shows: whether there is one, its box, its share of the image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutout.imaging import subject as subjects
from cutout.imaging.box import Box


def test_measures_of_an_alpha() -> None:
    alpha = np.zeros((100, 200), np.uint8)
    assert not subjects.subject_found(alpha)
    assert subjects.bounding_box(alpha) is None
    alpha[20:60, 30:80] = 255
    alpha[60, 30] = 25
    assert subjects.subject_found(alpha)
    assert subjects.bounding_box(alpha) == Box(30, 20, 50, 40)
    assert subjects.coverage(alpha) == pytest.approx((2000 + 25 / 255) / 20_000)


@given(
    size=st.tuples(st.integers(50, 1500), st.integers(50, 1500)),
    faint=st.integers(0, 25),
    wisp=st.integers(26, 255),
    speck=st.integers(0, 255),
)
def test_the_bounding_box_has_the_soft_edge_but_neither_veils_nor_specks(
    size: tuple[int, int], faint: int, wisp: int, speck: int
) -> None:
    height, width = size
    alpha = np.full((height, width), faint, np.uint8)
    top, left, tall, wide = height // 3, width // 4, height // 2, width // 3
    alpha[top : top + tall, left : left + wide] = 255
    reach = round(0.02 * max(tall, wide))
    alpha[top - reach, left] = wisp
    alpha[-max(1, height // 50) :, -max(1, width // 50) :] = speck
    assert subjects.bounding_box(alpha) == Box(left, top - reach, wide, tall + reach)


def test_pieces_of_a_subject_are_all_in_its_box_however_thin() -> None:
    group = np.zeros((3000, 4000), np.uint8)
    group[1000:2000, 500:1000] = group[2500:2620, 3000:3120] = 255
    assert subjects.bounding_box(group) == Box(500, 1000, 2620, 1620)
    line = np.zeros((3000, 4000), np.uint8)
    line[1001, 7:3990] = 255  # thinner than a cell
    assert subjects.bounding_box(line) == Box(7, 1001, 3983, 1)
    line[500:1500, 7:300] = 255
    assert subjects.bounding_box(line) == Box(7, 500, 3983, 1000)


def test_a_speck_beside_a_small_subject_is_none_of_its_pieces() -> None:
    alpha = np.zeros((3000, 4000), np.uint8)
    alpha[1000:1020, 500:520] = 255
    alpha[2900, 3900] = 255
    assert subjects.bounding_box(alpha) == Box(500, 1000, 20, 20)
