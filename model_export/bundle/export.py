"""Export: from a trained network to a bundle that the server loads.

A bundle is a directory: `model.onnx`, `model.keras`, `history.jsonl`, its card `README.md` and,
last, `manifest.json`.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from cutout.errors import DataError
from cutout.imaging.preprocess import Tensor, preprocess
from cutout.inference.manifest import MANIFEST, Manifest, ModelFile, OutputSpec, Parity, PartsSpec
from cutout.inference.onnx_predictor import load_predictor
from model_export.bundle.conversion import (
    INPUT,
    OPSET,
    OUTPUTS,
    PARITY_TOLERANCE,
    metadata_of,
    parity,
    task_of,
    to_onnx,
)
from model_export.bundle.golden_image import answered_golden, unanswered_golden
from model_export.bundle.publish import publish
from model_export.bundle.quantize import quantize
from model_export.config import TrainConfig
from model_export.data.dataset import Pair, find_pairs, load_image, select_some
from model_export.data.parts import NO_PARTS, evaluation_parts, load_for_parts
from model_export.data.progress import track
from model_export.networks.served import served_form
from model_export.networks.weights import load_network
from model_export.quality.evaluate import OVERALL, Result, score_alphas, score_parts
from model_export.training.provenance import Licenses, training_record, weights_license
from model_export.training.run_folder import HISTORY, MODEL

PARITY_IMAGES = 32  # on which Keras and onnxruntime are compared
CALIBRATION_IMAGES = 128  # that set the ranges of quantisation
MAX_LOSS = 0.005  # of max F: what quantisation may cost before float32 is shipped instead
PART_STRIDE = 0.35  # as good as 0.25 at half the cost (LOG.md)

DESCRIPTIONS = {
    "classify": "Tells parts of an image that show foreground from parts that show background: a "
    "small CNN on grey 64x64 squares. Scored over an image's parts at several scales "
    "it gives a coarse alpha.",
    "segment": "Classifies every pixel as foreground or background: an encoder-decoder CNN that "
    "gives an alpha.",
}


@dataclass(frozen=True)
class Export:
    """What to export: a saved network, and the config, images and terms it came from."""

    keras_file: Path
    config: TrainConfig
    root: Path
    licenses: Licenses
    version: str = "1.0.0"
    quantized: bool = True  # quantise a segmenter if it keeps its quality


@dataclass(frozen=True)
class Converted:
    """A network as ONNX, `model.onnx` in `folder`, with its manifest.

    The manifest has no quality before it is measured.
    """

    manifest: Manifest
    network: Any
    folder: Path


@dataclass(frozen=True)
class Exported:
    """The manifest of the bundle that was written, and those of every variant that was measured.

    `measured` is float32 first, then 8 bits.
    """

    manifest: Manifest
    measured: tuple[Manifest, ...]


def lost(measured: Sequence[Manifest]) -> float:
    """Return how much max F the last manifest loses against the first; 0 for a classifier."""
    first, last = (
        manifest.quality[OVERALL].get("max_f", 0.0) for manifest in (measured[0], measured[-1])
    )
    return first - last


def export(job: Export, out: Path) -> Exported:
    """Convert, check, quantise, measure on the test split and write the bundle `out`.

    8 bits are chosen where they cost less than MAX_LOSS of max F. Raises DataError for a network
    or images that don't fit, and BundleError where Keras and onnxruntime differ; then nothing is
    written.
    """
    pairs = find_pairs(job.root, job.config.data.sets, job.config.data.clips)
    test = select_some(pairs, "test")
    with TemporaryDirectory() as folder:
        work = Path(folder)
        bare = convert(job, pairs, work / "float32")
        float32 = dataclasses.replace(bare, manifest=_measure(bare.manifest, bare.folder, test))
        made = [float32]
        if job.quantized and float32.manifest.task == "segment":
            made.append(_quantize(float32, work / "uint8", select_some(pairs, "train"), test))
        measured = tuple(each.manifest for each in made)
        # with float32 alone this compares it with itself
        chosen = made[-1] if lost(measured) < MAX_LOSS else float32
        # not the run's own file: rebuilt in float32, without the alphas that are not served
        chosen.network.save(work / MODEL)
        history = job.keras_file.parent / HISTORY
        others = [work / MODEL, *([history] if history.is_file() else [])]
        publish([chosen.folder / "model.onnx", *others], chosen.manifest, out)
    return Exported(chosen.manifest, measured)


def convert(job: Export, pairs: Sequence[Pair], folder: Path) -> Converted:
    """Make `folder`, with the ONNX file of a saved network, checked against Keras.

    `pairs` are all images; those of the test split are used for the check. Raises DataError where
    the network does not fit its config, and BundleError where Keras and onnxruntime differ.
    """
    config = job.config
    task = task_of(job.config)
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
        parts=PartsSpec(sizes=config.data.part_sizes, stride=PART_STRIDE)
        if task == "classify"
        else None,
        model=_model_file(folder, "float32", network),
        training=record,
        parity=Parity(samples=len(x), max_difference=difference, tolerance=PARITY_TOLERANCE),
        golden=unanswered_golden("float32"),
    )
    return Converted(manifest, network, folder)


def _measure(manifest: Manifest, folder: Path, test: Sequence[Pair]) -> Manifest:
    """Return the manifest with quality and golden result of the model in `folder`, as served."""
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    predictor = load_predictor(folder)
    scores = (
        score_parts(predictor, test)
        if manifest.task == "classify"
        else score_alphas(predictor, test)
    )
    return manifest.model_copy(
        update={"quality": _rounded(scores), "golden": answered_golden(predictor)}
    )


def _quantize(
    float32: Converted, folder: Path, train: Sequence[Pair], test: Sequence[Pair]
) -> Converted:
    """Return the model in 8 bits, in a new `folder`, its ranges from the images in `train`."""
    folder.mkdir()
    quantize(
        float32.folder / "model.onnx", folder / "model.onnx", _calibration(train, float32.manifest)
    )
    _copy_metadata(float32.folder / "model.onnx", folder / "model.onnx")
    model = _model_file(folder, "uint8", float32.network)
    manifest = float32.manifest.model_copy(
        update={"model": model, "quality_float32": float32.manifest.quality}
    )
    return Converted(_measure(manifest, folder, test), float32.network, folder)


def _calibration(train: Sequence[Pair], manifest: Manifest) -> Iterator[Tensor]:
    """Yield training images spread evenly over the sorted list, and so over the sets."""
    # the step is rounded down, so there may be almost twice as many
    chosen = train[:: max(1, len(train) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES]
    for pair in track(chosen, "calibrating"):
        yield preprocess(load_image(pair.image_path), manifest.preprocess)


def _samples(pairs: Sequence[Pair], config: TrainConfig) -> Tensor:
    """Return the network's inputs for some images: whole images, or their parts.

    Raises DataError for a classifier where none of these images has parts.
    """
    chosen = pairs[:: max(1, len(pairs) // PARITY_IMAGES)][:PARITY_IMAGES]
    spec = config.preprocess
    sizes = config.data.part_sizes
    if task_of(config) == "segment":
        return np.concatenate([preprocess(load_image(pair.image_path), spec) for pair in chosen])
    parts = np.concatenate(
        [evaluation_parts(load_for_parts(pair, sizes, spec), sizes, spec)[0] for pair in chosen]
    )
    if not len(parts):
        raise DataError(NO_PARTS)
    return parts


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
    onnx.helper.set_model_props(
        model, {entry.key: entry.value for entry in onnx.load(source).metadata_props}
    )
    onnx.save(model, target)


def _rounded(scores: dict[str, Result]) -> dict[str, dict[str, float]]:
    """Round the measures for a manifest, overall first."""
    # a key that comes again keeps its first place
    ordered = {OVERALL: scores[OVERALL], **scores}
    return {
        name: {
            key: round(float(value), 5)
            for key, value in result.items()
            # the confusion matrix
            if not isinstance(value, list)
        }
        for name, result in ordered.items()
    }
