"""Holes, shadows, reflections and cut sides, seen in pixels."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.random import Generator

from model_export.data.composites import (
    UNLIKE,
    Cutout,
    Pixels,
    _closed,
    _frame,
    _letter,
    _mirrored,
    _ring,
    _shadowed,
    _wheel,
    beyond,
    plain_ground,
    with_hole,
)

SIDE = 64


def block() -> Pixels:
    """A red block (64, 64, 4) that stands on row 31 in the middle."""
    subject = np.zeros((SIDE, SIDE, 4), np.uint8)
    subject[12:32, 24:40] = (255, 0, 0, 255)
    return subject


@pytest.mark.parametrize("shape", [_ring, _frame, _letter, _wheel])
@pytest.mark.parametrize("seed", range(6))
def test_every_shape_is_one_piece_with_a_hole(
    shape: Callable[[Generator], Pixels], seed: int
) -> None:
    alpha = shape(np.random.default_rng(seed))
    assert cv2.connectedComponents((alpha >= 128).astype(np.uint8))[0] == 2
    assert cv2.connectedComponents((alpha < 128).astype(np.uint8), connectivity=4)[0] >= 3


def test_it_is_cropped_to_the_shape_and_repeats_by_its_seed() -> None:
    texture = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    for seed in range(8):
        first, second = (with_hole(texture, texture, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first.pixels, second.pixels)
        alpha = first.pixels[:, :, 3]
        assert all(edge.any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))


@pytest.mark.parametrize("ground", [255, 128, 0])
def test_a_closed_hole_has_another_colour_than_the_background(ground: int) -> None:
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(alpha, (32, 32), 28, 255, 6)
    red = np.full((SIDE, SIDE, 3), (255, 0, 0), np.uint8)
    behind = np.full((SIDE, SIDE, 3), ground, np.uint8)
    for seed in range(30):
        pixels = _closed(red, alpha, behind, np.random.default_rng(seed)).pixels
        assert tuple(pixels[32, 60]) == (255, 0, 0, 255)
        assert pixels[32, 32, 3] == 255
        assert pixels[0, 0, 3] == 0
        # in the middle the changing light is at its mean
        assert np.abs(pixels[32, 32, :3].astype(int) - ground).max() >= UNLIKE - 3


def test_every_other_shape_has_its_holes_closed() -> None:
    texture = np.full((SIDE, SIDE, 3), 9, np.uint8)
    made = [with_hole(texture, texture, np.random.default_rng(seed)) for seed in range(60)]
    closed = 0
    for each in made:
        alpha = cv2.copyMakeBorder(each.pixels[:, :, 3], 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        closed += cv2.connectedComponents((alpha < 128).astype(np.uint8))[0] == 2
    assert 20 <= closed <= 40


def test_a_plain_ground_is_one_colour_in_changing_light() -> None:
    grounds = [plain_ground(SIDE, np.random.default_rng(seed)) for seed in range(20)]
    assert all(ground.shape == (SIDE, SIDE, 3) for ground in grounds)
    assert any(ground.min() > 180 for ground in grounds)
    assert any(ground.max() < 200 for ground in grounds)
    steps = [
        np.abs(np.diff(ground.astype(int), axis=axis)).max()
        for ground in grounds
        for axis in (0, 1)
    ]
    assert max(steps) <= 3


def test_one_side_is_cut_and_said_to_be() -> None:
    whole = Cutout(np.full((30, 60, 4), 255, np.uint8))
    for seed in range(12):
        part = beyond(whole, np.random.default_rng(seed))
        height, width = part.pixels.shape[:2]
        assert sum(part.cut) == 1
        assert (height, width) == ((30, width) if part.cut[0] or part.cut[2] else (height, 60))
        assert 0.49 * 30 * 60 <= height * width <= 0.85 * 30 * 60
    cut = whole._replace(cut=(True, False, False, False))
    assert beyond(cut, np.random.default_rng(0)) is cut


def test_a_shadow_darkens_the_ground_beside_the_foot() -> None:
    ground = np.full((SIDE, SIDE, 3), 200, np.float32)
    shaded = _shadowed(ground, block(), np.random.default_rng(1))
    assert shaded.max() <= 200
    assert shaded.min() < 180
    assert np.allclose(shaded[60], 200, atol=5)  # far below it nothing lies in the shade
    assert np.ptp(shaded, axis=2).max() < 1e-3  # it has no colour of its own


def test_a_reflection_is_upside_down_and_fades() -> None:
    ground = np.full((SIDE, SIDE, 3), 100, np.float32)
    mirrored = _mirrored(ground, block(), np.random.default_rng(0))
    assert np.array_equal(mirrored[:31], ground[:31])
    red = mirrored[32:50, 32, 0]
    assert red[0] > 110
    assert (np.diff(red) <= 1e-3).all()
    assert np.array_equal(mirrored[52:], ground[52:])
