"""The two networks, in Keras 3: the classifier's CNN and the segmenter's encoder-decoder."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras
from keras import layers

from cutout.errors import DataError
from cutout.imaging.preprocess import PreprocessSpec
from model_export.config import CnnConfig, EncoderDecoderConfig

BATCH_NORM_MOMENTUM = (
    0.9  # 0.99 leaves a short run with cold statistics: a good loss and a useless model
)


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build layers under a dtype policy, and put the old one back."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


@keras.saving.register_keras_serializable("cutout")
class FusedBatchNormalization(layers.BatchNormalization):
    """BatchNormalization that trains through TensorFlow's fused kernel: about a third faster on a CPU.

    Same weights in the same order, so what it learns loads into the plain layer. Other backends train as usual.
    """

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not (training and self.trainable) or keras.backend.backend() != "tensorflow":
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma.value, self.beta.value, epsilon=self.epsilon, is_training=True
        )
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
        self.moving_variance.assign(
            self.moving_variance * self.momentum + variance * (1 - self.momentum)
        )
        return outputs


def build_cnn(config: CnnConfig, spec: PreprocessSpec) -> keras.Model:
    """(N, 64, 64, 1) in [0, 1] -> (N, 1), the probability of foreground. 1,624,705 parameters at the defaults.

    Dropout and L2 are measures of training; they change no parameter count and nothing at inference.
    """
    l2 = keras.regularizers.L2(config.l2) if config.l2 else None
    kernel, activation = config.kernel_size, config.activation
    return keras.Sequential(
        [
            keras.Input((spec.size, spec.size, spec.channels), name="image"),
            layers.Conv2D(config.filters[0], kernel, activation=activation, kernel_regularizer=l2),
            layers.MaxPooling2D(2),
            layers.Conv2D(config.filters[1], kernel, activation=activation, kernel_regularizer=l2),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            *([layers.Dropout(config.dropout)] if config.dropout else []),
            layers.Dense(config.dense, activation=activation, kernel_regularizer=l2),
            *([layers.Dropout(config.dropout)] if config.dropout else []),
            layers.Dense(1, activation="sigmoid", dtype="float32"),
        ],
        name="cnn",
    )


def build_encoder_decoder(
    config: EncoderDecoderConfig,
    spec: PreprocessSpec,
    size: int | None = None,
    *,
    training: bool = False,
) -> keras.Model:
    """(N, S, S, C) normalised -> a list of alphas (N, s, s, 1) in [0, 1]; the first at full size, the others coarser.

    Plain 3x3 convolutions, which train and run fast on a CPU. The encoder goes down to 1/64, where one convolution
    sees the whole image (extreme downsampling: EDN, arXiv 2012.13093); most parameters sit there and cost little
    time. The decoder goes up by bilinear steps and adds what the encoder saw at each level. The coarser alphas are
    for deep supervision (U^2-Net, arXiv 2005.09007) and are dropped by `inference_model`. `training` takes the faster
    kernels; the weights are the same, one for one.
    """
    l2 = keras.regularizers.L2(config.l2) if config.l2 else None
    conv = partial(
        _conv, norm=FusedBatchNormalization if training else layers.BatchNormalization, l2=l2
    )
    image = features = keras.Input((size, size, spec.channels), name="image")
    skips = []
    for level, (width, count) in enumerate(zip(config.widths, config.blocks, strict=True)):
        features = conv(features, width, stride=2, name=f"down{level}")
        for number in range(count):
            features = _residual_block(conv, features, width, name=f"encode{level}_{number}")
        skips.append(features)
    if config.dropout:
        features = layers.SpatialDropout2D(config.dropout, name="dropout")(features)
    alphas = []
    for level in reversed(range(len(config.decoder))):
        width = config.decoder[level]
        features = conv(features, width, kernel=1, name=f"narrow{level}")
        features = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{level}")(features)
        lateral = conv(skips[level], width, kernel=1, name=f"lateral{level}")
        features = layers.Add(name=f"join{level}")([features, lateral])
        features = conv(features, width, name=f"decode{level}")
        alphas.append(_alpha_head(features, f"alpha{level}", enlarge=level == 0))
    return keras.Model(image, alphas[::-1], name="encoder_decoder")


def inference_model(model: keras.Model) -> keras.Model:
    """The part that serves: the same layers, only the first output."""
    outputs = model.outputs
    return model if len(outputs) == 1 else keras.Model(model.inputs[0], outputs[0], name=model.name)


def take_weights(model: keras.Model, keras_file: Path) -> None:
    """Put the weights of a saved network into `model`; alphas that are not served keep their fresh ones.

    Raises DataError where they don't fit.
    """
    try:
        saved = keras.models.load_model(keras_file, compile=False)
        inference_model(model).set_weights(inference_model(saved).get_weights())
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise DataError(
            f"{keras_file}: its weights don't fit the config's network: {error}"
        ) from error


def freeze(model: keras.Model, levels: int) -> None:
    """Leave the first `levels` levels of an encoder as they are, their batch statistics too."""
    names = tuple(f"{part}{level}" for level in range(levels) for part in ("down", "encode"))
    for layer in model.layers:
        if layer.name.startswith(names):
            layer.trainable = False


def with_mirror(model: keras.Model) -> keras.Model:
    """The same network asked twice, about an image and its mirror image: the mean of both alphas.

    What a network says of one side it should say of the other; where it doesn't, the mean errs less (test-time
    augmentation, as in Krizhevsky et al., NeurIPS 2012).
    """
    image = keras.Input(model.input_shape[1:], name="image")
    mirrored = model(image[:, :, ::-1])[:, :, ::-1]
    return keras.Model(
        image, layers.Average(name="alpha")([model(image), mirrored]), name=model.name
    )


def with_sharpness(model: keras.Model, sharpness: float) -> keras.Model:
    """The same network with the logits of its alphas multiplied: a^s / (a^s + (1 - a)^s), nearer to 0 and to 1.

    The outline, where the alpha is a half, stays where it is. This is a temperature below one (Guo et al., arXiv
    1706.04599), the same for every image.
    """
    image = keras.Input(model.input_shape[1:], name="image")
    alpha = model(image)
    foreground, background = _power(alpha, sharpness), _power(1 - alpha, sharpness)
    return keras.Model(image, foreground / (foreground + background), name=model.name)


def _power(alpha: Any, exponent: float) -> Any:
    """alpha ** exponent; onnxruntime multiplies ten times as fast as it raises to a power."""
    return alpha * alpha if exponent == 2 else alpha**exponent


def _alpha_head(features: Any, name: str, enlarge: bool) -> Any:
    logits = layers.Conv2D(1, 3, padding="same", dtype="float32", name=f"{name}_logits")(features)
    if enlarge:
        logits = layers.UpSampling2D(
            2, interpolation="bilinear", dtype="float32", name=f"{name}_up"
        )(logits)
    return layers.Activation("sigmoid", dtype="float32", name=name)(logits)


def _residual_block(conv: Any, features: Any, width: int, name: str) -> Any:
    """Two 3x3 convolutions beside a shortcut (He et al., arXiv 1512.03385)."""
    branch = conv(features, width, name=f"{name}_a")
    branch = conv(branch, width, activate=False, name=f"{name}_b")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([features, branch]))


def _conv(
    features: Any,
    width: int,
    *,
    norm: Any,
    l2: Any,
    name: str,
    kernel: int = 3,
    stride: int = 1,
    activate: bool = True,
) -> Any:
    features = layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_regularizer=l2,
        name=name,
    )(features)
    features = norm(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(features)
    return layers.ReLU(name=f"{name}_act")(features) if activate else features
