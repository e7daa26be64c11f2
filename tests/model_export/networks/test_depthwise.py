"""The faster depthwise convolution beside Keras's own."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from model_export.networks.depthwise import FastDepthwiseConv2D


def answer_and_gradients(layer: Any, images: Any) -> list[Any]:
    with tf.GradientTape() as tape:
        tape.watch(images)
        answer = layer(images)
        # a square, so that each pixel has a gradient of its own, which is the answer
        loss = tf.reduce_sum(tf.cast(answer, "float32") ** 2) / 2
    return [answer, *tape.gradient(loss, [images, layer.kernel.value])]


# in bfloat16 the gradient of a 5x5 filter takes another way
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_answer_and_gradients_are_those_of_the_plain_layer(
    kernel: int, stride: int, side: int, policy: str
) -> None:
    keras.utils.set_random_seed(1)
    stated: dict[str, Any] = {"strides": stride, "padding": "same", "use_bias": False}
    plain = layers.DepthwiseConv2D(kernel, **stated)
    fast = FastDepthwiseConv2D(kernel, dtype=policy, **stated)
    shape = (2, side, side, 3)
    plain.build(shape)
    fast.build(shape)
    # whole numbers, which bfloat16 has exactly up to 256, and their sums nearly
    weights = [np.random.default_rng(1).integers(-1, 2, plain.kernel.shape).astype(np.float32)]
    plain.set_weights(weights)
    fast.set_weights(weights)
    images = tf.constant(np.random.default_rng(2).integers(-1, 2, shape).astype(np.float32))
    for ours, theirs in zip(
        answer_and_gradients(fast, images), answer_and_gradients(plain, images), strict=True
    ):
        assert np.abs(theirs).max() > 2
        near = 1e-4 if policy == "float32" else 1e-2
        np.testing.assert_allclose(tf.cast(ours, "float32"), theirs, rtol=near, atol=1e-4)
