"""The part of a network that is served, and the form in which it is."""

from typing import Any

import keras
from keras import layers

from model_export.config import CnnConfig, EncoderDecoderConfig, TrainConfig
from model_export.networks.cnn import build_cnn
from model_export.networks.encoder_decoder import build_encoder_decoder
from model_export.networks.precision import dtype_policy


def build_for_serving(config: TrainConfig) -> tuple[Any, Any]:
    """Build the network in float32 at its final size, and the part of it that is exported.

    The first takes the weights; the two share them.
    """
    with dtype_policy("float32"):
        if isinstance(config.network, CnnConfig):
            whole = build_cnn(config.network, config.preprocess)
        else:
            whole = build_encoder_decoder(config.network, config.preprocess, config.preprocess.size)
            # weights are handed over as a list: it has to be the list that `build_for_training` has
            if not config.training.deep_supervision:
                whole = inference_model(whole)
    return whole, inference_model(whole)


def inference_model(model: keras.Model) -> keras.Model:
    """Return the part that is served: all layers, only the first output."""
    outputs = model.outputs
    return model if len(outputs) == 1 else keras.Model(model.inputs[0], outputs[0], name=model.name)


def served_form(network: Any, config: TrainConfig) -> Any:
    """Return the network as it is converted: mirrored and sharpened, where the config says so."""
    if not isinstance(config.network, EncoderDecoderConfig):
        return network
    # mirrored first: the alpha that is sharpened is the mean, the one that is served
    asked = with_mirror(network) if config.network.mirror else network
    return (
        with_sharpness(asked, config.network.sharpness) if config.network.sharpness > 1 else asked
    )


def with_mirror(model: keras.Model) -> keras.Model:
    """Return a network that averages the alphas of an image and of its mirror image.

    What a network says of one side it should say of the other; where it doesn't, averaging reduces
    the error (test-time augmentation, as in Krizhevsky et al., NeurIPS 2012).
    """
    image = keras.Input(model.input_shape[1:], name="image")
    # axis 2 is the width; the same weights run twice, which takes twice the time
    mirrored = model(image[:, :, ::-1])[:, :, ::-1]
    return keras.Model(
        image, layers.Average(name="alpha")([model(image), mirrored]), name=model.name
    )


def with_sharpness(model: keras.Model, sharpness: float) -> keras.Model:
    """Return a network whose alphas have their logits multiplied: a^s / (a^s + (1 - a)^s).

    They are closer to 0 and to 1; the outline, where the alpha is a half, stays where it is. This
    is a temperature below one (Guo et al., arXiv 1706.04599), the same for every image.
    """
    image = keras.Input(model.input_shape[1:], name="image")
    alpha = model(image)
    # powers in place of the logit, which is infinite at 0 and at 1; their sum is never 0
    foreground = _power(alpha, sharpness)
    background = _power(1 - alpha, sharpness)
    return keras.Model(image, foreground / (foreground + background), name=model.name)


def _power(alpha: Any, exponent: float) -> Any:
    """Raise to a power; onnxruntime multiplies ten times as fast as it does that."""
    return alpha * alpha if exponent == 2 else alpha**exponent
