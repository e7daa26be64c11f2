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
        # a cube, so that each pixel has a gradient of its own
        loss = tf.reduce_sum(answer**3)
    return [answer, *tape.gradient(loss, [images, layer.kernel.value])]


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_answer_and_gradients_are_those_of_the_plain_layer(
    kernel: int, stride: int, side: int
) -> None:
    keras.utils.set_random_seed(1)
    stated: dict[str, Any] = {"strides": stride, "padding": "same", "use_bias": False}
    plain = layers.DepthwiseConv2D(kernel, **stated)
    fast = FastDepthwiseConv2D(kernel, **stated)
    images = tf.random.normal((2, side, side, 3))
    plain.build(images.shape)
    fast.build(images.shape)
    fast.set_weights(plain.get_weights())
    for ours, theirs in zip(
        answer_and_gradients(fast, images), answer_and_gradients(plain, images), strict=True
    ):
        assert np.abs(theirs).max() > 0.1
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
