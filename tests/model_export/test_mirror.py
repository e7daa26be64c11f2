"""A segmenter that is asked twice, about a picture and its mirror image."""

from pathlib import Path

import keras
import numpy as np

from app.imaging.preprocess import PreprocessSpec
from model_export.config import EncoderDecoderConfig, TrainConfig
from model_export.conversion import run_onnx, served_form, to_onnx
from model_export.train import build_for_serving

SIDE = 64


def config(mirror: bool) -> TrainConfig:
    network = EncoderDecoderConfig(
        kind="encoder_decoder",
        widths=(8,) * 6,
        blocks=(0, 1, 0, 0, 0, 0),
        decoder=(8,) * 5,
        mirror=mirror,
    )
    spec = PreprocessSpec(color="rgb", size=SIDE, fit="stretch", scale="unit", mean=(0.5,) * 3, std=(0.5,) * 3)
    return TrainConfig(name="tiny", preprocess=spec, network=network)


def test_left_and_right_are_treated_alike_in_onnx_too(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    network = build_for_serving(config(mirror=True))[1]
    x = np.random.default_rng(0).normal(size=(2, SIDE, SIDE, 3)).astype(np.float32)
    answers = {}
    for mirror in (False, True):
        to_onnx(served_form(network, config(mirror)), config(mirror), tmp_path / "network.onnx", {})
        answers[mirror] = run_onnx(tmp_path / "network.onnx", np.concatenate([x, x[:, :, ::-1]]))
    once, there_and_back = answers[False][:2], answers[False][2:, :, ::-1]
    assert np.abs(once - there_and_back).max() > 1e-3
    np.testing.assert_allclose(answers[True][:2], (once + there_and_back) / 2, atol=1e-5)
    np.testing.assert_allclose(answers[True][:2], answers[True][2:, :, ::-1], atol=1e-5)
