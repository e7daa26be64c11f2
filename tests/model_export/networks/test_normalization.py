"""The fused batch normalisation against Keras's own layer and against numbers worked out by
hand.
"""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from model_export.networks.normalization import FusedBatchNormalization

# Weights that are nowhere at their defaults: gamma, beta, moving mean, moving variance.
WEIGHTS = [np.array(values, np.float32) for values in ([1.5, 0.5], [0.2, -1], [3, 1], [2, 5])]


def layer(kind: Any, **options: Any) -> Any:
    made = kind(momentum=0.9, **options)
    made.build((None, 5, 6, 2))
    made.set_weights(WEIGHTS)
    return made


def both(**options: Any) -> tuple[Any, Any]:
    return layer(FusedBatchNormalization, **options), layer(layers.BatchNormalization, **options)


@pytest.fixture
def x() -> Any:
    return tf.constant(np.random.default_rng(0).normal(2, 3, (4, 5, 6, 2)).astype(np.float32))


def test_it_gives_what_the_plain_layer_gives_and_the_same_gradients(x: Any) -> None:
    answers, gradients = [], []
    for made in both():
        with tf.GradientTape() as tape:
            tape.watch(x)
            answer = made(x, training=True)
            loss = tf.reduce_sum(answer**2 * tf.range(6, dtype=tf.float32)[:, tf.newaxis])
        answers.append(np.asarray(answer))
        gradients.append(tape.gradient(loss, [x, made.gamma.value, made.beta.value]))
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)
    for fused, plain in zip(*gradients, strict=True):
        np.testing.assert_allclose(fused, plain, rtol=1e-3, atol=1e-3)


def test_its_moving_statistics_follow_the_plain_ones(x: Any) -> None:
    """But for one thing: of N values it takes the variance as a sample's, N / (N - 1) times as
    large.
    """
    fused, plain = both()
    for made in (fused, plain):
        made(x, training=True)
    (_, _, mean, variance), (_, _, plain_mean, plain_variance) = (
        made.get_weights() for made in (fused, plain)
    )
    np.testing.assert_allclose(mean, plain_mean, rtol=1e-5)
    of_the_batch = (plain_variance - 0.9 * WEIGHTS[3]) / 0.1
    np.testing.assert_allclose(
        variance, 0.9 * WEIGHTS[3] + 0.1 * of_the_batch * 120 / 119, rtol=1e-4
    )


def test_its_moving_statistics_are_a_tenth_new() -> None:
    """Values 1, 2, 3, 6: mean 3, variance as a sample's 14 / 3; nine tenths of 3 and 2 stay."""
    made = layer(FusedBatchNormalization)
    values = np.array([1, 2, 3, 6], np.float32).reshape(1, 2, 2, 1)
    made(np.concatenate([values, values], axis=-1), training=True)
    _, _, mean, variance = made.get_weights()
    np.testing.assert_allclose(mean, [0.9 * 3 + 0.1 * 3, 0.9 * 1 + 0.1 * 3], rtol=1e-6)
    np.testing.assert_allclose(variance, 0.9 * WEIGHTS[3] + 0.1 * 14 / 3, rtol=1e-6)


@pytest.mark.parametrize(("training", "trainable"), [(False, True), (True, False)])
def test_serving_and_frozen_it_uses_its_moving_statistics_and_leaves_them(
    training: bool, trainable: bool, x: Any
) -> None:
    fused, plain = both(trainable=trainable)
    answer = np.asarray(fused(x, training=training))
    np.testing.assert_allclose(answer, np.asarray(plain(x, training=training)), atol=1e-5)
    gamma, beta, mean, variance = WEIGHTS
    expected = gamma * (np.asarray(x) - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(answer, expected, atol=1e-4)
    for before, after in zip(WEIGHTS, fused.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_what_it_learned_loads_into_the_plain_layer() -> None:
    fused, plain = both()
    assert [weight.name for weight in fused.weights] == [weight.name for weight in plain.weights]
    assert keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(fused)
    ).momentum == pytest.approx(0.9)
