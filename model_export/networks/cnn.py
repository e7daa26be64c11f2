"""The classifier: a small CNN on grey squares."""

import keras
from keras import layers

from cutout.imaging.preprocess import PreprocessSpec
from model_export.config import CnnConfig


def build_cnn(config: CnnConfig, spec: PreprocessSpec) -> keras.Model:
    """Build the classifier: from (N, 64, 64, 1) in [0, 1] to (N, 1), P(foreground).

    It has 1,624,705 parameters at the defaults. Dropout and L2 are measures of training; they
    change no parameter count and nothing at inference.
    """
    l2 = keras.regularizers.L2(config.l2) if config.l2 else None
    kernel = config.kernel_size
    activation = config.activation
    return keras.Sequential(
        [
            keras.Input((spec.size, spec.size, spec.channels), name="image"),
            # without padding: 64 -> 62 -> 31 -> 29 -> 14, so that Flatten gives 14 * 14 * 64 values
            layers.Conv2D(config.filters[0], kernel, activation=activation, kernel_regularizer=l2),
            layers.MaxPooling2D(2),
            layers.Conv2D(config.filters[1], kernel, activation=activation, kernel_regularizer=l2),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            *([layers.Dropout(config.dropout)] if config.dropout else []),
            layers.Dense(config.dense, activation=activation, kernel_regularizer=l2),
            *([layers.Dropout(config.dropout)] if config.dropout else []),
            # float32 under mixed_bfloat16 too, which has 8 significant bits
            layers.Dense(1, activation="sigmoid", dtype="float32"),
        ],
        name="cnn",
    )
