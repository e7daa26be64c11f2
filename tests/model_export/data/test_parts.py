"""The labelled parts: what the generator promises, on any mask."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cutout.imaging.preprocess import PreprocessSpec, reduce_for_parts
from model_export.data.dataset import Mask, Pair, find_pairs
from model_export.data.parts import (
    draw_parts,
    evaluation_parts,
    foreground_counts,
    load_for_parts,
    part_seed,
)

SIZES = (0.2, 0.35, 0.6)
SPEC = PreprocessSpec(color="gray", size=64, fit="crop", scale="minmax")


@st.composite
def masks(draw: st.DrawFn) -> Mask:
    """A few rectangles of foreground, or noise."""
    height, width = draw(st.integers(8, 40)), draw(st.integers(8, 40))
    if draw(st.booleans()):
        return draw(arrays(np.uint8, (height, width), elements=st.sampled_from([0, 127, 128, 255])))
    mask = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(0, 3))):
        top, left = draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))
        mask[
            top : top + draw(st.integers(1, height)), left : left + draw(st.integers(1, width))
        ] = 255
    return mask


@given(masks(), st.integers(0, 2**32))
def test_parts_lie_inside_and_their_shares_fit_their_labels(mask: Mask, seed: int) -> None:
    for part in draw_parts(mask, SIZES, 4, np.random.default_rng(seed)):
        inside = mask[part.top : part.top + part.side, part.left : part.left + part.side]
        assert inside.shape == (part.side, part.side)
        share = (inside >= 128).mean()
        assert share >= 0.60 - 1e-12 if part.label else share <= 0.05 + 1e-12


@given(masks(), st.integers(0, 2**32), st.integers(1, 6))
def test_classes_are_balanced_at_every_size(mask: Mask, seed: int, pairs: int) -> None:
    parts = draw_parts(mask, SIZES, pairs, np.random.default_rng(seed))
    assert len(parts) in (0, 2 * pairs)
    assert sorted(part.side for part in parts if part.label) == sorted(
        part.side for part in parts if not part.label
    )


@given(masks(), st.integers(1, 8))
def test_counts_are_those_of_counting(mask: Mask, side: int) -> None:
    counts = foreground_counts(mask, side)
    top, left = counts.shape[0] // 2, counts.shape[1] - 1
    assert counts.shape == (mask.shape[0] - side + 1, mask.shape[1] - side + 1)
    assert counts[top, left] == (mask[top : top + side, left : left + side] >= 128).sum()


def test_a_image_without_both_classes_yields_nothing() -> None:
    rng = np.random.default_rng(0)
    assert draw_parts(np.full((30, 30), 255, np.uint8), SIZES, 4, rng) == []
    thin = np.zeros((30, 30), np.uint8)
    thin[:, 15] = 255
    assert draw_parts(thin, SIZES, 4, rng) == []


def test_the_draw_depends_on_image_seed_and_epoch_alone() -> None:
    mask = np.zeros((60, 80), np.uint8)
    mask[10:50, 20:60] = 255
    first, second = (Pair("set", stem, stem, Path(), Path()) for stem in ("one", "two"))

    def draw(pair: Pair, seed: int, epoch: int) -> object:
        return draw_parts(mask, SIZES, 8, part_seed(pair, seed, epoch))

    assert draw(first, 1, 0) == draw(first, 1, 0)
    drawn = [draw(first, 1, 0), draw(first, 1, 1), draw(first, 2, 0), draw(second, 1, 0)]
    assert all(one != other for index, one in enumerate(drawn) for other in drawn[index + 1 :])


def test_images_are_reduced_until_the_smallest_part_is_as_large_as_the_input() -> None:
    assert reduce_for_parts(np.zeros((1200, 1600), np.uint8), SIZES, SPEC).shape == (320, 427)
    assert reduce_for_parts(np.zeros((300, 400), np.uint8), SIZES, SPEC).shape == (300, 400)


def test_judged_parts_are_16_tensors_in_range(images: Path) -> None:
    image = load_for_parts(find_pairs(images)[0], SIZES, SPEC)
    x, labels = evaluation_parts(image, SIZES, SPEC)
    assert x.shape == (16, 64, 64, 1)
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == pytest.approx((0, 1))
    assert labels.sum() == 8
    again, _ = evaluation_parts(image, SIZES, SPEC)
    np.testing.assert_array_equal(x, again)
