"""A depthwise convolution that trains faster, with the same weights."""

from typing import Any

import keras
from keras import layers


@keras.saving.register_keras_serializable("cutout")
class FastDepthwiseConv2D(layers.DepthwiseConv2D):
    """A DepthwiseConv2D that trains twice as fast on a CPU, for 3x3 and 5x5 filters.

    In bfloat16 TensorFlow has a fast kernel for the gradient of 3x3 filters alone: that of a 5x5
    filter is put together from four, each beginning at another corner. And it has none for the
    gradient of a strided convolution's input, which is computed in float32. In float32 its own
    kernels are as fast or faster. Other backends train as usual. Times: model_export/LOG.md.
    """

    def call(self, inputs: Any) -> Any:
        """Convolve each channel by its own filter."""
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        return _convolve(inputs, self.kernel.value, self.strides[0])


def _convolve(inputs: Any, kernel: Any, stride: int) -> Any:
    # not at the top: with another backend TensorFlow need not be there
    import tensorflow as tf

    strides = [1, stride, stride, 1]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def convolve(inputs: Any, kernel: Any) -> Any:
        def gradient(upstream: Any) -> tuple[Any, Any]:
            dtype = inputs.dtype if stride == 1 else tf.float32
            to_inputs = tf.nn.depthwise_conv2d_backprop_input(
                tf.shape(inputs), tf.cast(kernel, dtype), tf.cast(upstream, dtype), strides, "SAME"
            )
            to_filter = (
                _filter_gradient(inputs, upstream, stride)
                if kernel.shape[0] == 5 and inputs.dtype == tf.bfloat16
                else tf.nn.depthwise_conv2d_backprop_filter(
                    inputs, kernel.shape, upstream, strides, "SAME"
                )
            )
            return tf.cast(to_inputs, inputs.dtype), to_filter

        return tf.nn.depthwise_conv2d(inputs, kernel, strides, "SAME"), gradient

    return convolve(inputs, tf.cast(kernel, inputs.dtype))


def _filter_gradient(inputs: Any, upstream: Any, stride: int) -> Any:
    """Return the gradient (5, 5, C, 1) of a depthwise filter of 5x5, out of four of 3x3."""
    import tensorflow as tf

    sides = [(tf.shape(inputs)[axis], tf.shape(upstream)[axis]) for axis in (1, 2)]
    # what SAME pads: as little as the last output needs, the odd pixel at the end
    missing = [tf.maximum((out - 1) * stride + 5 - side, 0) for side, out in sides]
    padding = [[0, 0], *([some // 2, some - some // 2] for some in missing), [0, 0]]
    padded = tf.pad(inputs, padding)
    height, width = ((out - 1) * stride + 3 for _, out in sides)

    def from_corner(top: int, left: int) -> Any:
        return tf.nn.depthwise_conv2d_backprop_filter(
            padded[:, top : top + height, left : left + width],
            [3, 3, inputs.shape[-1], 1],
            upstream,
            [1, stride, stride, 1],
            "VALID",
        )

    # row and column 2 are in two of them each, and taken once
    rows = [tf.concat([from_corner(top, 0), from_corner(top, 2)[:, 1:]], axis=1) for top in (0, 2)]
    return tf.concat([rows[0], rows[1][1:]], axis=0)
