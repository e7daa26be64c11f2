"""What is served: a segmenter asked twice, about an image and its mirror image, and its answer
sharpened.
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx

from cutout.imaging.preprocess import PreprocessSpec, Tensor
from model_export.bundle.conversion import run_onnx, to_onnx
from model_export.bundle.quantize import quantize
from model_export.config import EncoderDecoderConfig, TrainConfig
from model_export.networks.served import build_for_serving, served_form

SIDE = 64


def config(mirror: bool, sharpness: float = 1.0) -> TrainConfig:
    network = EncoderDecoderConfig(
        kind="encoder_decoder",
        widths=(8,) * 6,
        blocks=(0, 1, 0, 0, 0, 0),
        decoder=(8,) * 5,
        mirror=mirror,
        sharpness=sharpness,
    )
    spec = PreprocessSpec(
        color="rgb", size=SIDE, fit="stretch", scale="unit", mean=(0.5,) * 3, std=(0.5,) * 3
    )
    return TrainConfig(name="tiny", preprocess=spec, network=network)


def test_left_and_right_are_treated_alike_in_onnx_too(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    network = build_for_serving(config(mirror=True))[1]
    x = np.random.default_rng(0).normal(size=(2, SIDE, SIDE, 3)).astype(np.float32)
    answers = {}
    for mirror in (False, True):
        answers[mirror] = _answer(
            network, config(mirror), tmp_path, np.concatenate([x, x[:, :, ::-1]])
        )
    once, there_and_back = answers[False][:2], answers[False][2:, :, ::-1]
    assert np.abs(once - there_and_back).max() > 1e-3
    np.testing.assert_allclose(answers[True][:2], (once + there_and_back) / 2, atol=1e-5)
    np.testing.assert_allclose(answers[True][:2], answers[True][2:, :, ::-1], atol=1e-5)


def test_a_sharper_alpha_has_the_same_outline(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    network = build_for_serving(config(mirror=True))[1]
    x = np.random.default_rng(0).normal(size=(1, SIDE, SIDE, 3)).astype(np.float32)
    soft, sharp = (
        _answer(network, config(mirror=True, sharpness=value), tmp_path, x) for value in (1.0, 3.0)
    )
    np.testing.assert_allclose(
        np.log(sharp / (1 - sharp)), 3 * np.log(soft / (1 - soft)), rtol=1e-3, atol=1e-3
    )
    assert np.array_equal(soft >= 0.5, sharp >= 0.5)


def test_both_heads_of_a_mirrored_network_stay_in_float32(tmp_path: Path) -> None:
    form = config(mirror=True, sharpness=2.0)
    _answer(build_for_serving(form)[1], form, tmp_path, np.zeros((1, SIDE, SIDE, 3), np.float32))
    samples = (
        np.random.default_rng(seed).normal(size=(1, SIDE, SIDE, 3)).astype(np.float32)
        for seed in range(2)
    )
    quantize(tmp_path / "network.onnx", tmp_path / "quantized.onnx", samples)
    nodes = onnx.load(tmp_path / "quantized.onnx").graph.node
    makers = {output: node.op_type for node in nodes for output in node.output}
    after = [makers[node.input[0]] for node in nodes if node.op_type == "Sigmoid"]
    assert after
    assert "DequantizeLinear" not in after


def test_one_sample_beyond_all_others_leaves_them_their_levels_in_eight_bits(
    tmp_path: Path,
) -> None:
    keras.utils.set_random_seed(1)
    network = build_for_serving(config(mirror=False))[1]
    samples = np.random.default_rng(2).normal(size=(11, 1, SIDE, SIDE, 3)).astype(np.float32)
    before = _answer(network, config(mirror=False), tmp_path, samples[0])
    samples[-1] *= 20
    quantize(tmp_path / "network.onnx", tmp_path / "quantized.onnx", iter(samples))
    after = run_onnx(tmp_path / "quantized.onnx", samples[0])
    assert np.abs(after - before).mean() < 0.1 * before.std()


def _answer(network: Any, form: TrainConfig, folder: Path, x: Tensor) -> Tensor:
    to_onnx(served_form(network, form), form, folder / "network.onnx", {})
    return run_onnx(folder / "network.onnx", x)
