"""What of a network is served, and in which form."""

from typing import Any

import keras
from keras import layers

from model_export.config import CnnConfig, EncoderDecoderConfig, TrainConfig
from model_export.networks.cnn import build_cnn
from model_export.networks.encoder_decoder import build_encoder_decoder
from model_export.networks.precision import dtype_policy


def build_for_serving(config: TrainConfig) -> tuple[Any, Any]:
    """Build the network in float32 at its final size: whole, to take the weights, and the part that
    is exported.
    """
    with dtype_policy("float32"):
        if isinstance(config.network, CnnConfig):
            whole = build_cnn(config.network, config.preprocess)
        else:
            whole = build_encoder_decoder(config.network, config.preprocess, config.preprocess.size)
            if not config.training.deep_supervision:
                whole = inference_model(whole)
    return whole, inference_model(whole)


def inference_model(model: keras.Model) -> keras.Model:
    """Return the part that serves: all layers, only the first output."""
    outputs = model.outputs
    return model if len(outputs) == 1 else keras.Model(model.inputs[0], outputs[0], name=model.name)


def served_form(network: Any, config: TrainConfig) -> Any:
    """Return the network as it is converted: asked twice and its answer sharpened where the config
    says so.
    """
    if not isinstance(config.network, EncoderDecoderConfig):
        return network
    asked = with_mirror(network) if config.network.mirror else network
    return (
        with_sharpness(asked, config.network.sharpness) if config.network.sharpness > 1 else asked
    )


def with_mirror(model: keras.Model) -> keras.Model:
    """Return a network that asks this one twice, about an image and its mirror image: the mean of
    both alphas.

    What a network says of one side it should say of the other; where it doesn't, averaging reduces
    the error (test-time augmentation, as in Krizhevsky et al., NeurIPS 2012).
    """
    image = keras.Input(model.input_shape[1:], name="image")
    mirrored = model(image[:, :, ::-1])[:, :, ::-1]
    return keras.Model(
        image, layers.Average(name="alpha")([model(image), mirrored]), name=model.name
    )


def with_sharpness(model: keras.Model, sharpness: float) -> keras.Model:
    """Return the network with the logits of its alphas multiplied: a^s / (a^s + (1 - a)^s), nearer
    to 0 and to 1.

    The outline, where the alpha is a half, stays where it is. This is a temperature below one (Guo
    et al., arXiv 1706.04599), the same for every image.
    """
    image = keras.Input(model.input_shape[1:], name="image")
    alpha = model(image)
    foreground = _power(alpha, sharpness)
    background = _power(1 - alpha, sharpness)
    return keras.Model(image, foreground / (foreground + background), name=model.name)


def _power(alpha: Any, exponent: float) -> Any:
    """alpha ** exponent; onnxruntime multiplies ten times as fast as it raises to a power."""
    return alpha * alpha if exponent == 2 else alpha**exponent
