"""From images with masks to a bundle that the server loads, for both networks: small images, one
epoch.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from cutout.errors import BundleError, DataError
from cutout.inference.golden import check_golden
from cutout.inference.manifest import read_manifest
from cutout.inference.onnx_predictor import load_predictor
from cutout.inference.predictor import Predictor
from model_export.bundle.card import CARD, card
from tests.support.pairs import draw_pair, write_pair
from tests.support.training import SMALL, run, settings

# TensorFlow and tf2onnx warn about themselves; nothing to fix here.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module", params=["classifier", "segmenter"])
def trained(
    request: pytest.FixtureRequest, images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run's folder, named after its config."""
    name: str = request.param
    out = tmp_path_factory.mktemp("runs") / name
    run("train", name, "--data", images, "--out", out, *settings(*SMALL[name]))
    return out


@pytest.fixture(scope="module")
def bundle(trained: Path, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / trained.name
    run("export", "--run", trained, "--data", images, "--out", out)
    return out


def test_the_server_loads_the_bundle_and_its_golden_sample_agrees(bundle: Path) -> None:
    predictor: Predictor = load_predictor(bundle)
    check_golden(predictor)
    image, _ = draw_pair(7)
    prepared = predictor.prepare(image)
    alpha = predictor.assemble(prepared, predictor.predict(prepared))
    assert alpha.dtype == np.float32
    assert 0 <= alpha.min() <= alpha.max() <= 1


def test_the_manifest_tells_all(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert manifest.parity is not None
    assert manifest.parity.max_difference <= 1e-5
    assert manifest.training is not None
    assert [(entry.name, entry.images, entry.license) for entry in manifest.training.sets] == [
        ("discs", 15, "not stated")
    ]
    assert manifest.training.config["name"] == manifest.name
    assert {"overall", "discs"} == set(manifest.quality)
    model = onnx.load(bundle / "model.onnx")
    assert {entry.key: entry.value for entry in model.metadata_props}["version"] == manifest.version
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert (batch.dim_param, batch.dim_value) == (
        ("N", 0) if manifest.task == "classify" else ("", 1)
    )
    if manifest.task == "classify":
        assert manifest.model.parameters == 1_624_705
    elif manifest.model.precision == "uint8":
        assert manifest.quality_float32 is not None


def test_a_run_ends_with_a_report_and_its_bundle_keeps_what_it_began_with(
    trained: Path, bundle: Path, images: Path, tmp_path: Path
) -> None:
    page = (trained / "report.html").read_text()
    for text in (
        "training run",
        "Learning curves",
        "Set by set",
        "in float32 through onnxruntime",
        "Configuration",
    ):
        assert text in page
    assert ("What it looks at" in page) == (trained.name == "classifier")
    assert "refresh" not in page
    training = read_manifest(bundle).training
    assert training is not None
    start = json.loads((trained / "provenance.json").read_text())
    own = {entry.name: entry.images for entry in training.sets}
    noted = {key: getattr(training, key) for key in ("code_version", "fingerprint", "libraries")}
    assert start == {**noted, "images": own, "teachers": {}}
    assert {"python", "keras", "onnxruntime"} <= set(training.libraries)
    assert training.exported_by
    assert (bundle / "history.jsonl").read_bytes() == (trained / "history.jsonl").read_bytes()
    assert (bundle / CARD).read_text() == card(read_manifest(bundle))
    (tmp_path / "run").mkdir()
    for name in ("config.json", "model.keras"):
        (tmp_path / "run" / name).write_bytes((trained / name).read_bytes())
    (tmp_path / "run" / "provenance.json").write_text(
        json.dumps({**start, "code_version": "older"})
    )
    run(
        "export",
        "--run",
        tmp_path / "run",
        "--data",
        images,
        "--out",
        tmp_path / "bundle",
        "--float32",
    )
    again = read_manifest(tmp_path / "bundle").training
    assert again is not None
    assert again.code_version == "older"
    assert "code `older`, exported by" in (tmp_path / "bundle" / CARD).read_text()


def test_the_saved_network_opens_in_plain_keras_and_exports_again(
    trained: Path, bundle: Path, images: Path, tmp_path: Path
) -> None:
    import keras

    keras.models.load_model(bundle / "model.keras")
    options = settings(*SMALL[trained.name])
    arguments = (
        "--config",
        trained.name,
        "--data",
        images,
        "--out",
        tmp_path / "again",
        "--version",
        "2.0.0",
        "--float32",
    )
    run("export", "--keras", bundle / "model.keras", *arguments, *options)
    again, first = read_manifest(tmp_path / "again"), read_manifest(bundle)
    expected = first.quality if first.model.precision == "float32" else first.quality_float32
    assert again.quality == expected
    assert (again.version, again.model.precision) == ("2.0.0", "float32")


def test_evaluate_prints_one_json_object(bundle: Path, images: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "model_export",
        "evaluate",
        "--bundle",
        str(bundle),
        "--data",
        str(images),
    ]
    command += ["--split", "all", "--report", str(bundle.parent / f"{bundle.name}.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert (result["images"], set(result["sets"])) == (18, {"discs"})
    measures = (
        {"balanced_accuracy", "auc", "loss"}
        if result["task"] == "classify"
        else {"mae", "max_f", "iou", "s_measure"}
    )
    assert measures <= set(result) & set(result["sets"]["discs"])
    if result["task"] == "classify":
        assert np.sum(result["confusion_matrix"]) == result["parts"] == 18 * 16


def test_evaluate_takes_the_test_split_and_repeats_the_manifest(bundle: Path, images: Path) -> None:
    result = json.loads(run("evaluate", "--bundle", bundle, "--data", images, "--no-report"))
    quality = read_manifest(bundle).quality["overall"]
    assert result["split"] == "test"
    assert {name: result[name] for name in quality} == pytest.approx(quality, abs=1e-4)


def test_a_network_that_does_not_fit_its_config_is_refused(
    trained: Path, images: Path, tmp_path: Path
) -> None:
    from model_export.config import read_run_config
    from model_export.networks.weights import load_network

    config = read_run_config(trained)
    wider = {"kernel_size": 5} if trained.name == "classifier" else {"decoder": (8, 8, 8, 8, 16)}
    other = config.model_copy(update={"network": config.network.model_copy(update=wider)})
    with pytest.raises(DataError, match=r"model\.keras: its weights don't fit"):
        load_network(trained / "model.keras", other)


def test_disagreement_with_keras_is_refused(trained: Path, tmp_path: Path) -> None:
    from model_export.bundle.conversion import parity, to_onnx
    from model_export.config import read_run_config
    from model_export.networks.weights import load_network

    config = read_run_config(trained)
    network = load_network(trained / "model.keras", config)
    to_onnx(network, config, tmp_path / "model.onnx", {})
    network.set_weights([weights * 1.01 for weights in network.get_weights()])
    x = np.random.default_rng(0).random((3, *config.preprocess.tensor_shape), np.float32)
    with pytest.raises(BundleError, match="Keras and onnxruntime differ"):
        parity(network, tmp_path / "model.onnx", x)


@pytest.mark.parametrize("trained", ["classifier"], indirect=True)
def test_masks_without_parts_of_both_classes_are_refused(
    trained: Path, images: Path, tmp_path: Path
) -> None:
    for path in images.glob("discs/images/*.jpg"):
        image, _ = draw_pair(int(path.stem.removeprefix("disc")))
        nearly_full = np.full(image.shape[:2], 255, np.uint8)
        nearly_full[:3, :3] = 0
        write_pair(tmp_path / "discs", path.stem, image, nearly_full)
    with pytest.raises(DataError, match="parts of both classes"):
        run("export", "--run", trained, "--data", tmp_path, "--out", tmp_path / "out")


def test_a_saved_network_alone_does_not_say_what_it_is(trained: Path, tmp_path: Path) -> None:
    options = ["--data", tmp_path, "--out", tmp_path / "out", "--keras", trained / "model.keras"]
    with pytest.raises(DataError, match="give either --run"):
        run("export", *options)
    assert not (tmp_path / "out").exists()
