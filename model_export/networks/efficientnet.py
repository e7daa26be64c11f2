"""EfficientNet-Lite0's encoder, which begins with what ImageNet taught it.

Source: Tan and Le, arXiv 1905.11946; the Lite variants are those for integer arithmetic (ReLU6, and
no squeeze-and-excitation): tensorflow/tpu, models/official/efficientnet/lite.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from cutout.inference.manifest import DataSet
from model_export.config import PRETRAINED_LEVELS, Start
from model_export.networks.depthwise import FastDepthwiseConv2D

WEIGHTS = Path(__file__).parent / "efficientnet_lite0.npz"


class Stage(NamedTuple):
    """Inverted residual blocks of one width; the first of them has the stride."""

    level: int
    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STEM = 32
CEILING = 6  # of every ReLU
STAGES = (
    Stage(0, blocks=1, kernel=3, stride=1, expansion=1, width=16),
    Stage(1, blocks=2, kernel=3, stride=2, expansion=6, width=24),
    Stage(2, blocks=2, kernel=5, stride=2, expansion=6, width=40),
    Stage(3, blocks=3, kernel=3, stride=2, expansion=6, width=80),
    Stage(3, blocks=3, kernel=5, stride=1, expansion=6, width=112),
    Stage(4, blocks=4, kernel=5, stride=2, expansion=6, width=192),
    Stage(4, blocks=1, kernel=3, stride=1, expansion=6, width=320),
)


def efficientnet_levels(
    image: Any, conv: Callable[..., Any], norm: Callable[..., Any], *, training: bool
) -> list[Any]:
    """Return the last features of each level of the encoder, from 1/2 to 1/32 of `image`.

    `image` is (N, H, W, 3), RGB, (value - 127) / 128, as the weights expect it. `conv` and `norm`
    make a convolution with its normalisation, and one alone; `training` selects the faster kernels.
    """
    depthwise = FastDepthwiseConv2D if training else layers.DepthwiseConv2D
    layer = _Layers(partial(conv, ceiling=CEILING), norm, depthwise)
    features = layer.conv(image, STEM, kernel=3, stride=2, name="down0")
    levels: list[Any] = [None] * PRETRAINED_LEVELS
    counts = [0] * PRETRAINED_LEVELS
    for stage in STAGES:
        for number in range(stage.blocks):
            name = f"encode{stage.level}_{counts[stage.level]}"
            stride = stage.stride if number == 0 else 1
            features = layer.inverted_residual(features, stage, stride, name)
            counts[stage.level] += 1
        levels[stage.level] = features
    return levels


def take_encoder(model: keras.Model, weights: Path = WEIGHTS) -> None:
    """Give the encoder of `model` the weights that ImageNet taught it."""
    with np.load(weights) as arrays:
        for name in {key.partition("/")[0] for key in arrays}:
            values = {key: arrays[f"{name}/{key}"].astype(np.float32) for key in _PARTS}
            model.get_layer(name).set_weights([values["kernel"]])
            model.get_layer(f"{name}_norm").set_weights([values[key] for key in _PARTS[1:]])


def encoder_variables(model: keras.Model) -> list[Any]:
    """Return the variables of the pretrained encoder of `model` that learn."""
    return [
        variable
        for layer in model.layers
        if layer.name.startswith(("down0", *_BLOCKS))
        for variable in layer.trainable_variables
    ]


def encoder_start() -> Start:
    """Return what a network with this encoder starts from, for its provenance."""
    name = "efficientnet_lite0"
    return Start(
        name=name,
        version="1",
        sha256=hashlib.sha256(WEIGHTS.read_bytes()).hexdigest(),
        license="EfficientNet-Lite0 of tensorflow/tpu: Apache-2.0; trained on images of ImageNet, "
        "which are for research",
        sets=(
            DataSet(
                name=f"{name}/imagenet",
                images=1_281_167,
                license="ImageNet (ILSVRC 2012): research only; classes, no masks",
                terms="restricted",
            ),
        ),
    )


_BLOCKS = tuple(f"encode{level}_" for level in range(PRETRAINED_LEVELS))
_PARTS = ("kernel", "gamma", "beta", "mean", "variance")


class _Layers(NamedTuple):
    conv: Callable[..., Any]
    norm: Callable[..., Any]
    depthwise: Any

    def inverted_residual(self, features: Any, stage: Stage, stride: int, name: str) -> Any:
        """Widen, convolve each channel by itself, narrow (Sandler et al., arXiv 1801.04381)."""
        before = features
        if stage.expansion > 1:
            wide = features.shape[-1] * stage.expansion
            features = self.conv(features, wide, kernel=1, name=f"{name}_expand")
        features = self.depthwise(
            stage.kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_depthwise"
        )(features)
        features = self.norm(name=f"{name}_depthwise_norm")(features)
        features = layers.ReLU(max_value=CEILING, name=f"{name}_depthwise_act")(features)
        features = self.conv(
            features, stage.width, kernel=1, activate=False, name=f"{name}_project"
        )
        if stride > 1 or before.shape[-1] != stage.width:
            return features
        return layers.Add(name=f"{name}_add")([before, features])
