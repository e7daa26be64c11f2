"""From a trained network to a bundle that the server loads.

A bundle is a folder: `model.onnx`, `model.keras`, `history.jsonl`, its card `README.md` and, last, `manifest.json`.
"""

import base64
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from app.atomic import replace
from app.errors import BundleError
from app.imaging.preprocess import Tensor, preprocess
from app.inference.golden import golden_answer
from app.inference.manifest import MANIFEST, Golden, Manifest, ModelFile, OutputSpec, Parity, PartsSpec
from app.inference.onnx_predictor import load_predictor
from model_export.card import write_card
from model_export.config import TrainConfig
from model_export.conversion import (
    INPUT,
    OPSET,
    OUTPUTS,
    PARITY_TOLERANCE,
    load_network,
    metadata_of,
    parity,
    served_form,
    task_of,
    to_onnx,
)
from model_export.data import Pair, find_pairs, load_image, select_some
from model_export.evaluate import OVERALL, Result, score_alphas, score_parts
from model_export.golden_picture import golden_picture, golden_png
from model_export.parts import judged_parts, load_picture
from model_export.progress import track
from model_export.provenance import Licenses, training_record, weights_license
from model_export.quantize import quantize
from model_export.run_folder import HISTORY, MODEL

PARITY_PICTURES = 32
CALIBRATION_PICTURES = 128
PART_STRIDE = 0.35  # as good as 0.25 at half the cost, LOG.md
MOST_LOST = 0.005  # of max F: what quantisation may cost before float32 is shipped instead
GOLDEN_TOLERANCE = {"float32": 1e-3, "uint8": 0.05}  # integer kernels differ a little between processors

DESCRIPTIONS = {
    "classify": "Tells parts of a picture that show foreground from parts that show background: a small CNN on grey "
    "64x64 squares. Scored over a picture's parts at several scales it gives a coarse alpha.",
    "segment": "Classifies every pixel as foreground or background: an encoder-decoder CNN that gives an alpha.",
}


@dataclass(frozen=True)
class Export:
    """What to export: a saved network and the config, pictures and terms it came from."""

    keras_file: Path
    config: TrainConfig
    root: Path
    licenses: Licenses
    version: str = "1.0.0"
    quantized: bool = True  # quantise a segmenter if it keeps its quality


@dataclass(frozen=True)
class Converted:
    """A network as ONNX in float32, in a folder that holds `model.onnx` alone; the manifest has no quality yet."""

    manifest: Manifest
    network: Any
    folder: Path


def export(job: Export, out: Path) -> Manifest:
    """Convert, check, quantise, measure on the test split and write the bundle `out`; its manifest.

    Raises DataError for a network or pictures that don't fit, BundleError where Keras and onnxruntime disagree: then
    nothing is written.
    """
    pairs = find_pairs(job.root, job.config.data.sets, job.config.data.clips)
    test = select_some(pairs, "test")
    with TemporaryDirectory() as folder:
        work = Path(folder)
        converted = convert(job, pairs, work / "float32")
        manifest, chosen = _measure(converted.manifest, converted.folder, test), converted.folder
        if job.quantized and manifest.task == "segment":
            train = select_some(pairs, "train")
            chosen, manifest = _quantize(manifest, chosen, work / "uint8", converted.network, train, test)
        converted.network.save(work / MODEL)
        history = job.keras_file.parent / HISTORY
        _publish(chosen, [work / MODEL, *([history] if history.is_file() else [])], manifest, out)
    return manifest


def convert(job: Export, pairs: Sequence[Pair], folder: Path) -> Converted:
    """Make `folder` with the ONNX file of a saved network, checked against Keras on pictures of the test split.

    `pairs` are all there are. Raises as `export`.
    """
    config, task = job.config, task_of(job.config)
    record = training_record(config, pairs, job.root, job.licenses, job.keras_file.parent)
    terms = weights_license(record, job.licenses, config.start)
    network = load_network(job.keras_file, config)
    folder.mkdir()
    served = served_form(network, config)
    to_onnx(served, config, folder / "model.onnx", metadata_of(config, job.version, terms))
    x = _samples(select_some(pairs, "test"), config)
    difference = parity(served, folder / "model.onnx", x)
    manifest = Manifest(
        name=config.name,
        version=job.version,
        task=task,
        description=DESCRIPTIONS[task],
        license=terms,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        preprocess=config.preprocess,
        output=OutputSpec(name=OUTPUTS[task]),
        parts=PartsSpec(sizes=config.data.part_sizes, stride=PART_STRIDE) if task == "classify" else None,
        model=_model_file(folder, "float32", network),
        training=record,
        parity=Parity(samples=len(x), max_difference=difference, tolerance=PARITY_TOLERANCE),
        golden=Golden(picture=base64.b64encode(golden_png()).decode(), expected=(0.0,), tolerance=1.0),
    )
    return Converted(manifest, network, folder)


def _measure(manifest: Manifest, folder: Path, test: Sequence[Pair]) -> Manifest:
    """The manifest with the quality and the golden answer of the model in `folder`, both as the server would give."""
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    predictor = load_predictor(folder)
    scores = score_parts(predictor, test) if manifest.task == "classify" else score_alphas(predictor, test)
    golden = manifest.golden.model_copy(
        update={
            "expected": tuple(round(value, 6) for value in golden_answer(predictor, golden_picture())),
            "tolerance": GOLDEN_TOLERANCE[manifest.model.precision],
        }
    )
    return manifest.model_copy(update={"quality": _rounded(scores), "golden": golden})


def _quantize(
    manifest: Manifest, float32: Path, uint8: Path, network: Any, train: Sequence[Pair], test: Sequence[Pair]
) -> tuple[Path, Manifest]:
    """The quantised model and its manifest where max F drops by less than 0.005, else the float32 one's."""
    uint8.mkdir()
    quantize(float32 / "model.onnx", uint8 / "model.onnx", _calibration(train, manifest))
    _copy_metadata(float32 / "model.onnx", uint8 / "model.onnx")
    model = _model_file(uint8, "uint8", network)
    quantized = _measure(manifest.model_copy(update={"model": model}), uint8, test)
    lost = manifest.quality[OVERALL]["max_f"] - quantized.quality[OVERALL]["max_f"]
    if lost >= MOST_LOST:
        return float32, manifest
    return uint8, quantized.model_copy(update={"quality_float32": manifest.quality})


def _calibration(train: Sequence[Pair], manifest: Manifest) -> Iterator[Tensor]:
    """Training pictures spread evenly over the sorted list, and so over the sets."""
    chosen = train[:: max(1, len(train) // CALIBRATION_PICTURES)][:CALIBRATION_PICTURES]
    for pair in track(chosen, "calibrating"):
        yield preprocess(load_image(pair.image_path), manifest.preprocess)


def _samples(pairs: Sequence[Pair], config: TrainConfig) -> Tensor:
    """What the network gets to see of some pictures: whole, or their parts."""
    chosen = pairs[:: max(1, len(pairs) // PARITY_PICTURES)][:PARITY_PICTURES]
    spec, sizes = config.preprocess, config.data.part_sizes
    if task_of(config) == "segment":
        return np.concatenate([preprocess(load_image(pair.image_path), spec) for pair in chosen])
    return np.concatenate([judged_parts(load_picture(pair, sizes, spec), sizes, spec)[0] for pair in chosen])


def _model_file(folder: Path, precision: Any, network: Any) -> ModelFile:
    data = (folder / "model.onnx").read_bytes()
    return ModelFile(
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        opset=OPSET,
        precision=precision,
        input=INPUT,
        parameters=network.count_params(),
    )


def _copy_metadata(source: Path, target: Path) -> None:
    model = onnx.load(target)
    onnx.helper.set_model_props(model, {entry.key: entry.value for entry in onnx.load(source).metadata_props})
    onnx.save(model, target)


def _rounded(scores: dict[str, Result]) -> dict[str, dict[str, float]]:
    """What fits a manifest: numbers, overall first."""
    ordered = {OVERALL: scores[OVERALL], **scores}
    return {
        name: {key: round(float(value), 5) for key, value in result.items() if not isinstance(value, list)}
        for name, result in ordered.items()
    }


def _publish(model_folder: Path, others: Sequence[Path], manifest: Manifest, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for source in (model_folder / "model.onnx", *others):
        replace(out / source.name, partial(shutil.copyfile, source))
    write_card(manifest, out)
    text = manifest.model_dump_json(indent=2, exclude_none=True) + "\n"
    replace(out / MANIFEST, lambda path: path.write_text(text))  # last, so that it means complete
    if Manifest.model_validate_json(text) != manifest:
        raise BundleError(f"{out / MANIFEST}: does not read back as written")
