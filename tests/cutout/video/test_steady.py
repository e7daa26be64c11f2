"""Steadied masks: still where the image is, and no later than the image where it is not."""

import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Alpha, Image
from cutout.video.steady import AlphaSmoother

SIDE = 64


def gray(level: int) -> Image:
    return np.full((2 * SIDE, 2 * SIDE, 3), level, np.uint8)


def noisy(image: Image, random: np.random.Generator) -> Image:
    return np.clip(image + random.normal(0, 3, image.shape), 0, 255).astype(np.uint8)


def flicker(alphas: list[Alpha]) -> float:
    """The mean change of alpha from one frame to the next."""
    return float(np.abs(np.diff(np.stack(alphas), axis=0)).mean())


def test_where_only_noise_changes_alpha_changes_less_than_half_as_much() -> None:
    random, smoother = np.random.default_rng(0), AlphaSmoother()
    single = [random.uniform(0.3, 0.7, (SIDE, SIDE)).astype(np.float32) for _ in range(20)]
    steadied = [smoother.step(alpha, noisy(gray(120), random)) for alpha in single]
    assert flicker(steadied) < 0.5 * flicker(single)
    assert abs(np.mean(steadied) - np.mean(single)) < 0.01


def bright(first: int) -> NDArray[np.float32]:
    """A subject 20 columns wide."""
    alpha = np.zeros((SIDE, SIDE), np.float32)
    alpha[20:44, first : first + 20] = 1
    return alpha


def frame(alpha: Alpha) -> Image:
    return np.repeat(np.kron(alpha, np.ones((2, 2)))[:, :, np.newaxis] * 200, 3, axis=2).astype(
        np.uint8
    )


def test_a_subject_that_moves_leaves_no_trace() -> None:
    random, smoother = np.random.default_rng(0), AlphaSmoother()
    for first in range(0, 40, 3):
        alpha = bright(first)
        steadied = smoother.step(alpha, noisy(frame(alpha), random))
        assert np.abs(steadied - alpha).max() < 0.02


def test_another_scene_starts_anew() -> None:
    smoother = AlphaSmoother()
    smoother.step(bright(5), frame(bright(5)))
    other = smoother.step(bright(30), gray(90))
    assert np.abs(other - bright(30)).max() < 0.02


def test_a_network_of_another_size_starts_anew() -> None:
    smoother = AlphaSmoother()
    smoother.step(bright(5), gray(0))
    small = np.ones((8, 8), np.float32)
    assert np.array_equal(smoother.step(small, gray(0)), small)
