"""Saved weights in a network that has more residual blocks than the saved one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cutout.errors import DataError
from cutout.imaging.preprocess import PreprocessSpec
from model_export.config import EncoderDecoderConfig
from model_export.networks.encoder_decoder import build_encoder_decoder
from model_export.networks.served import inference_model
from model_export.networks.weights import take_weights

SPEC = PreprocessSpec(color="rgb", size=32, fit="stretch", scale="unit")


def fresh(blocks: tuple[int, ...]) -> Any:
    config = EncoderDecoderConfig(
        kind="encoder_decoder", widths=(4, 6, 8), blocks=blocks, decoder=(4, 6)
    )
    return inference_model(build_encoder_decoder(config, SPEC))


def trained(blocks: tuple[int, ...]) -> Any:
    model = fresh(blocks)
    rng = np.random.default_rng(0)
    # trained in name only: no weight has the value that a fresh network has
    shapes = [value.shape for value in model.get_weights()]
    model.set_weights(
        [
            rng.normal(0, 0.3, shape) if len(shape) > 1 else rng.uniform(0.1, 0.9, shape)
            for shape in shapes
        ]
    )
    return model


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Any, Path]:
    model = trained((0, 1, 1))
    path = tmp_path / "model.keras"
    model.save(path)
    return model, path


@pytest.mark.parametrize("blocks", [(0, 1, 1), (0, 1, 3), (2, 2, 1)])
def test_blocks_that_are_added_change_no_answer(
    blocks: tuple[int, ...], saved: tuple[Any, Path]
) -> None:
    deeper = fresh(blocks)
    take_weights(deeper, saved[1])
    image = np.random.default_rng(1).normal(size=(2, 32, 32, 3)).astype(np.float32)
    answer = deeper.predict_on_batch(image)
    np.testing.assert_array_equal(answer, saved[0].predict_on_batch(image))
    assert answer.std() > 0.1


def test_a_network_with_fewer_blocks_does_not_take_them(saved: tuple[Any, Path]) -> None:
    with pytest.raises(DataError, match=r"model\.keras: its weights don't fit"):
        take_weights(fresh((0, 1, 0)), saved[1])
