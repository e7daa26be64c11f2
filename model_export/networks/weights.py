"""Loading of saved weights into the network of a config."""

from pathlib import Path
from typing import Any

import keras

from cutout.errors import DataError
from model_export.config import TrainConfig
from model_export.networks.encoder_decoder import added_blocks
from model_export.networks.served import build_for_serving, inference_model


def take_weights(model: keras.Model, keras_file: Path) -> None:
    """Load the weights of a saved network into `model`.

    Alphas that are not served keep their initial weights, and so do residual blocks that the saved
    network has not: untrained, these change nothing. Raises DataError where the weights don't fit.
    """
    try:
        saved = inference_model(keras.models.load_model(keras_file, compile=False))
        added = added_blocks(model, saved)
        kept = [layer for layer in inference_model(model).layers if layer.name not in added]
        for layer, old in zip(_weighted(kept), _weighted(saved.layers), strict=True):
            layer.set_weights(old.get_weights())
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise DataError(
            f"{keras_file}: its weights don't fit the config's network: {error}"
        ) from error


def load_network(path: Path, config: TrainConfig) -> Any:
    """Load the float32 network of `config` with the weights of a saved `.keras` file.

    Rebuilt rather than used as saved: a network saved under a bfloat16 policy converts to an
    invalid graph, and a file without layers of ours opens in any Keras. Raises DataError where the
    file cannot be read, or its weights don't fit the config.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such saved network")
    try:
        saved = keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise DataError(f"{path}: Keras can't load it: {error}") from error
    network = build_for_serving(config)[1]
    try:
        network.set_weights(inference_model(saved).get_weights())
    except ValueError as error:
        raise DataError(
            f"{path}: its weights don't fit the network of config {config.name!r}: {error}"
        ) from error
    return network


def _weighted(layers: list[keras.Layer]) -> list[keras.Layer]:
    return [layer for layer in layers if layer.weights]
