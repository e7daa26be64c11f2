"""The pretrained encoder: what ImageNet taught it, and where it sits in a network."""

from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np
import pytest

from cutout.imaging.preprocess import PreprocessSpec
from model_export.config import EncoderDecoderConfig
from model_export.data.files import load_image
from model_export.networks.efficientnet import WEIGHTS, encoder_variables, take_encoder
from model_export.networks.encoder_decoder import build_encoder_decoder, freeze

SPEC = PreprocessSpec(color="rgb", size=192, fit="stretch", scale="unit")
CONFIG = EncoderDecoderConfig(
    kind="encoder_decoder", pretrained="efficientnet_lite0", widths=(8,), blocks=(0,)
)
PHOTOGRAPHS = Path(__file__).parents[2] / "data" / "photographs"


@pytest.fixture(scope="module")
def network() -> Any:
    model = build_encoder_decoder(CONFIG, SPEC)
    take_encoder(model)
    return model


def features(network: Any, image: Any) -> Any:
    """The mean over an image of the deepest features that ImageNet taught."""
    values = (cv2.resize(image, (192, 192), interpolation=cv2.INTER_AREA) - 127.0) / 128
    deepest = network.get_layer("encode4_4_project_norm").output
    pooled = keras.Model(network.input, deepest).predict_on_batch(values[None]).mean((0, 1, 2))
    return pooled / np.linalg.norm(pooled)


def test_it_tells_a_cat_from_a_cup_and_knows_it_again_in_grey(network: Any) -> None:
    cat, cup = (load_image(PHOTOGRAPHS / name) for name in ("cat.jpg", "coffee.jpg"))
    gray = cv2.cvtColor(cv2.cvtColor(cat, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    there, again, other = (features(network, image) for image in (cat, gray[:, ::-1], cup))
    assert there @ again > 0.6
    assert there @ other < 0.3


def test_every_weight_of_the_encoder_comes_from_the_file(network: Any) -> None:
    with np.load(WEIGHTS) as arrays:
        count = sum(array.size for array in arrays.values())
    encoder = ("down0", *(f"encode{level}_" for level in range(5)))
    assert count == sum(
        layer.count_params() for layer in network.layers if layer.name.startswith(encoder)
    )


def test_frozen_levels_are_not_among_those_that_learn() -> None:
    model = build_encoder_decoder(CONFIG, SPEC)
    everything = encoder_variables(model)
    freeze(model, 2)
    learning = {variable.path for variable in encoder_variables(model)}
    frozen = {variable.path for variable in everything} - learning
    assert {path.partition("_")[0].partition("/")[0] for path in frozen} == {
        "down0",
        "encode0",
        "encode1",
    }
