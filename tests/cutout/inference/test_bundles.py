"""Bundles read, checked and run by onnxruntime: real models of one node."""

import json
from pathlib import Path

import numpy as np
import pytest

from cutout.errors import BundleError, UnknownModel
from cutout.imaging.preprocess import Alpha, Tensor
from cutout.inference.golden import check_golden
from cutout.inference.load import load_bundles
from cutout.inference.manifest import MANIFEST, read_manifest
from cutout.inference.onnx_predictor import load_predictor
from cutout.inference.predictor import Prepared
from cutout.inference.registry import Registry
from tests.support.bundles import write_bundle, write_bundles
from tests.support.images import disc
from tests.support.stand_ins import BrightPredictor


def test_the_segmenter_s_alpha_is_what_the_network_says(tmp_path: Path) -> None:
    predictor = load_predictor(write_bundle(tmp_path / "segmenter", "segment"))
    prepared = predictor.prepare(disc(96, 64))
    alpha = predictor.assemble(prepared, predictor.predict(prepared))
    assert alpha.shape == (32, 32)
    assert alpha[16, 16] == pytest.approx(1)
    assert alpha[0, 0] == 0
    assert predictor.probability(disc(96, 64)) > 0.99


def test_the_classifier_s_map_is_bright_where_the_image_is(tmp_path: Path) -> None:
    predictor = load_predictor(write_bundle(tmp_path / "classifier", "classify"))
    image = np.zeros((120, 200, 3), np.uint8)
    image[:, 100:] = 255
    prepared = predictor.prepare(image)
    alpha = predictor.assemble(prepared, predictor.predict(prepared))
    assert alpha.shape[1] / alpha.shape[0] == pytest.approx(200 / 120, rel=0.02)
    assert alpha[:, -1].min() > 0.9
    assert alpha[:, 0].max() < 0.1
    assert predictor.probability(image) == pytest.approx(0.5, abs=0.02)


def test_parts_in_batches_score_as_they_do_alone(tmp_path: Path) -> None:
    predictor = load_predictor(write_bundle(tmp_path / "classifier", "classify"))
    prepared = predictor.prepare(np.random.default_rng(0).integers(0, 256, (150, 230, 3), np.uint8))
    scores = predictor.predict(prepared)
    assert len(scores) == len(prepared.boxes)
    np.testing.assert_allclose(scores, prepared.tensor.mean(axis=(1, 2, 3)), atol=1e-6)


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (10, 4000)])
def test_a_narrow_image_has_no_more_parts_than_a_panorama(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    predictor = load_predictor(write_bundle(tmp_path / "classifier", "classify"))
    prepared = predictor.prepare(np.full((*size, 3), 255, np.uint8))
    assert len(prepared.boxes) < 100
    alpha = predictor.assemble(prepared, predictor.predict(prepared))
    assert max(alpha.shape) <= 4 * min(alpha.shape)
    assert alpha.min() > 0.9


def test_damage_is_found_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle found"):
        load_bundles(tmp_path)
    folder = write_bundles(tmp_path / "models")
    model, manifest = folder / "segmenter" / "model.onnx", folder / "segmenter" / MANIFEST
    whole = model.read_bytes()
    model.write_bytes(whole[:-1])
    with pytest.raises(BundleError, match="sha256"):
        load_bundles(folder)
    model.write_bytes(whole)
    values = json.loads(manifest.read_text())
    values["golden"]["expected"][0] = 0.5
    manifest.write_text(json.dumps(values))
    with pytest.raises(BundleError, match="golden sample differs by"):
        load_bundles(folder)
    manifest.write_text(json.dumps({**values, "surprise": 1}))
    with pytest.raises(BundleError, match=r"segmenter/manifest\.json: surprise: unknown entry$"):
        load_bundles(folder)
    manifest.write_text(
        json.dumps({**values, "golden": {**values["golden"], "image": "bm8gcGljdHVyZQ=="}})
    )
    with pytest.raises(BundleError, match=r"^segmenter: cannot read the golden sample: "):
        load_bundles(folder)


class Blind(BrightPredictor):
    """It answers with what is no number, as a network with an overflow does."""

    def assemble(self, prepared: Prepared, output: Tensor) -> Alpha:
        return np.full_like(output[0], np.nan)


def test_an_answer_that_is_no_number_is_no_pass(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "segmenter", "segment")
    blind = Blind()
    blind.manifest = read_manifest(bundle)
    with pytest.raises(BundleError, match="differs by nan"):
        check_golden(blind)


def test_models_are_chosen_by_name_and_by_task(tmp_path: Path) -> None:
    registry = Registry(load_bundles(write_bundles(tmp_path / "models")))
    assert registry.for_masks().manifest.name == "segmenter"
    assert registry.for_scores().manifest.name == "classifier"
    assert registry.for_masks("classifier").manifest.task == "classify"
    with pytest.raises(UnknownModel, match="loaded: classifier, segmenter"):
        registry.for_masks("u2net")
    with pytest.raises(BundleError, match="no model 'nobody'"):
        Registry(registry.all(), "nobody")
    with pytest.raises(BundleError, match="same name; found: segmenter"):
        Registry([registry.for_masks(), registry.for_masks()])
    with pytest.raises(BundleError, match="at least one"):
        Registry([])
