"""Hard masks: foreground from the threshold on, anti-aliased, no holes of their own."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from cutout.imaging.hard import EMPTY, harden


def ramp(width: int = 41, height: int = 9, step: float = 255 / 40) -> NDArray[np.uint8]:
    """An alpha that rises from left to right."""
    return np.tile(np.rint(np.arange(width) * step).astype(np.uint8), (height, 1))


@given(st.integers(0, 255), st.floats(0, 1))
def test_an_even_alpha_is_foreground_from_the_threshold_on(value: int, threshold: float) -> None:
    mask = harden(np.full((3, 5), value, np.uint8), threshold)
    assert np.unique(mask).tolist() == [255 if value >= 255 * threshold else 0]


@given(st.floats(0.05, 0.95))
def test_a_slow_ramp_becomes_an_edge_one_pixel_wide_where_it_crosses(threshold: float) -> None:
    mask = harden(ramp(), threshold)
    line = mask[4]
    assert np.array_equal(np.sort(line), line)
    assert ((line > 0) & (line < 255)).sum() <= 2
    crossing = 40 * threshold + 0.5  # the first pixel's middle is at 0.5
    assert abs((255 - line.astype(float)).sum() / 255 - crossing) < 0.3


def test_a_slanted_edge_is_anti_aliased_and_where_it_was() -> None:
    drawn = np.zeros((200, 200), np.uint8)
    cv2.circle(drawn, (100, 100), 60, 255, -1, cv2.LINE_AA)
    soft = np.asarray(cv2.GaussianBlur(drawn, (0, 0), 4), np.uint8)
    mask = harden(soft, 0.5)
    assert np.abs(mask.astype(int) - drawn)[np.hypot(*np.mgrid[-100:100, -100:100]) < 55].max() == 0
    assert abs(int(mask.sum()) - int(drawn.sum())) < 0.02 * drawn.sum()
    edge = (mask > 0) & (mask < 255)
    assert 200 < edge.sum() < 700  # of a circumference of 377 pixels, each edge pixel once or twice


def test_fog_inside_the_subject_is_filled_and_a_true_hole_is_not() -> None:
    alpha = np.zeros((80, 120), np.uint8)
    alpha[10:70, 10:110] = 255
    alpha[20:40, 20:40] = 90  # fog
    alpha[20:40, 60:80] = 90  # fog with a hole in it
    alpha[28:32, 68:72] = EMPTY - 1
    alpha[50:60, 10:30] = 90  # fog at the edge is outside
    mask = harden(alpha, 0.5)
    assert mask[22:38, 22:38].min() == 255
    assert mask[22:38, 62:78].max() == 0
    assert mask[52:58, 11:28].max() == 0


def test_the_extremes_take_all_or_only_what_is_opaque() -> None:
    alpha = ramp()
    assert harden(alpha, 0).min() == 255
    assert harden(alpha, 1)[:, -1].min() == 255
    assert harden(alpha, 1)[:, :-2].max() == 0
    assert harden(np.zeros_like(alpha), 0.5).max() == 0


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_what_is_clearly_inside_or_outside_stays(width: int, height: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    mask = harden(noise, 0.5)
    assert mask.shape == noise.shape
    assert mask[noise == 255].min(initial=255) >= 128
    assert mask[noise < EMPTY].max(initial=0) <= 127
