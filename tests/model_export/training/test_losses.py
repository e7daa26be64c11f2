"""The segmenter's loss against numbers worked out by hand."""

import math

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.training.losses import DeeplySupervised, structure_loss

Values = NDArray[np.float32]


def plane(rows: list[list[float]]) -> Values:
    """(1, H, W, 1) float32."""
    return np.array(rows, np.float32)[np.newaxis, :, :, np.newaxis]


def loss_of(target: Values, emphasis: Values, alpha: Values) -> list[float]:
    return [float(value) for value in structure_loss(target, emphasis, alpha)]


def test_cross_entropy_and_overlap_are_weighted_by_the_emphasis() -> None:
    """Weights 1 + 4 x 0.5 = 3 and 1; the entropies are -ln 0.8 and -ln 0.6."""
    loss = loss_of(plane([[1, 0]]), plane([[0.5, 0]]), plane([[0.8, 0.4]]))
    cross_entropy = (3 * 0.2231436 + 0.5108256) / 4
    shared, united = 3 * 0.8, 3 * 1.0 + 0.4
    assert loss == pytest.approx([cross_entropy + 1 - (shared + 1) / (united + 1)], abs=1e-6)
    assert loss == pytest.approx([0.5223368], abs=1e-6)


def test_a_certain_answer_costs_nothing_where_right_and_is_finite_where_wrong() -> None:
    """Probabilities are kept at 1e-6 from 0 and 1: a wrong one costs -ln 1e-6 = 13.8155."""
    none = plane([[0]])
    assert loss_of(plane([[1, 0]]), plane([[1, 1]]), plane([[1, 0]])) == pytest.approx(
        [0], abs=1e-5
    )
    assert loss_of(plane([[1]]), none, none) == pytest.approx([13.81551 + 0.5], abs=1e-4)
    assert loss_of(none, none, plane([[1]])) == pytest.approx([13.81551 + 0.5], abs=1e-1)


def test_each_sample_has_a_loss_of_its_own() -> None:
    target = np.concatenate([plane([[1, 0]]), plane([[0, 1]])])
    alpha = np.concatenate([plane([[0.8, 0.4]])] * 2)
    first, second = loss_of(target, np.zeros_like(target), alpha)
    assert first == pytest.approx((0.2231436 + 0.5108256) / 2 + 1 - 1.8 / 2.4, abs=1e-6)
    assert second == pytest.approx((1.6094379 + 0.9162907) / 2 + 1 - 1.4 / 2.8, abs=1e-6)


def total_loss(labels: NDArray[np.uint8], alphas: list[Values]) -> float:
    image = keras.Input((None, None, 3))
    model = DeeplySupervised(image, keras.layers.Activation("linear")(image))
    return float(model.compute_loss(y=labels, y_pred=alphas))


def labels(mask: NDArray[np.uint8], emphasis: int = 0) -> NDArray[np.uint8]:
    return np.stack([mask, np.full_like(mask, emphasis)], axis=-1)


def halves(side: int) -> Values:
    return np.full((1, side, side, 1), 0.5, np.float32)


def test_a_coarse_alpha_is_compared_with_the_mask_at_its_own_size() -> None:
    """The second alpha has a quarter of the side: each of its pixels stands for 4 x 4 of the mask.

    An alpha of one half costs ln 2 a pixel whatever the target, and shares half of it.
    """
    mask = np.zeros((1, 8, 8), np.uint8)
    mask[0, :4, :4] = 255
    mask[0, :4, 4:6] = 255  # half of the 4 x 4 pixels on the right
    fine = math.log(2) + 1 - (24 / 2 + 1) / (24 / 2 + 64 / 2 + 1)
    coarse = math.log(2) + 1 - (1.5 / 2 + 1) / (1.5 / 2 + 4 / 2 + 1)
    assert total_loss(labels(mask), [halves(8)]) == pytest.approx(fine, abs=1e-6)
    both = total_loss(labels(mask), [halves(8), halves(2)])
    assert both == pytest.approx(fine + 0.4 * coarse, abs=1e-6)


def test_the_second_channel_of_the_labels_is_the_emphasis() -> None:
    """Emphasis 51 of 255 gives every pixel the weight 1 + 4 x 0.2 = 1.8, at each level."""
    mask = np.full((1, 8, 8), 255, np.uint8)
    fine = math.log(2) + 1 - (1.8 * 64 / 2 + 1) / (1.8 * 64 + 1)
    coarse = math.log(2) + 1 - (1.8 * 4 / 2 + 1) / (1.8 * 4 + 1)
    loss = total_loss(labels(mask, 51), [halves(8), halves(2)])
    assert loss == pytest.approx(fine + 0.4 * coarse, abs=1e-6)


def test_the_coarser_an_alpha_the_less_it_counts() -> None:
    mask = np.full((1, 128, 128), 255, np.uint8)
    sides = (128, 32, 16, 8, 4, 2, 1)
    weights = (1.0, 0.4, 0.3, 0.2, 0.2, 0.2, 0.2)
    each = [math.log(2) + 1 - (side**2 / 2 + 1) / (side**2 + 1) for side in sides]
    expected = sum(weight * loss for weight, loss in zip(weights, each, strict=True))
    loss = total_loss(labels(mask), [halves(side) for side in sides])
    assert loss == pytest.approx(expected, rel=1e-6)


def test_penalties_on_weights_are_added() -> None:
    """Three weights of 1 under an L2 of 0.5 cost 1.5."""
    image = keras.Input((4, 4, 3))
    convolution = keras.layers.Conv2D(
        1, 1, kernel_initializer="ones", kernel_regularizer=keras.regularizers.L2(0.5)
    )
    model = DeeplySupervised(image, convolution(image))
    mask = np.full((1, 4, 4), 255, np.uint8)
    expected = 1.5 + math.log(2) + 1 - (16 / 2 + 1) / (16 + 1)
    assert float(model.compute_loss(y=labels(mask), y_pred=halves(4))) == pytest.approx(
        expected, abs=1e-6
    )
