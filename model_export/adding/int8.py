"""Quantise an imported network to 8 bits, with ranges from sample images; measure its cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from cutout.errors import DataError
from cutout.imaging.preprocess import Tensor, preprocess
from cutout.inference.manifest import read_manifest
from cutout.inference.onnx_predictor import load_predictor
from cutout.inference.predictor import Predictor
from cutout.system.cores import usable_cores
from model_export.bundle.quantize import quantize
from model_export.data.dataset import load_image
from model_export.data.pairs import find_scenery
from model_export.data.progress import track
from model_export.labelling.label import alpha_of

MIN_SAMPLES, MAX_SAMPLES = (
    4,
    24,
)  # sample images; half of them set the ranges, the others are compared


@dataclass(frozen=True)
class Cost:
    """How masks in 8 bits differ from those in float32, on images that did not set the ranges.

    `iou` is between the masks, `mae` the mean difference of their alphas; both from 0 to 1.
    """

    images: int
    iou: float
    mae: float

    def __str__(self) -> str:
        return (
            f"in 8 bits its masks have an IoU of {self.iou:.3f} with those in float32, and differ "
            f"by {self.mae:.4f} on average ({self.images} sample images)"
        )


def samples_in(directory: Path) -> Sequence[Path]:
    """Return sample images, evenly over the directory. Raises DataError for fewer than four."""
    if not directory.is_dir():
        raise DataError(f"{directory}: no such directory of sample images")
    paths = find_scenery(directory)
    if len(paths) < MIN_SAMPLES:
        raise DataError(
            f"{directory}: has {len(paths)} images; --int8 needs at least {MIN_SAMPLES}"
        )
    count = min(MAX_SAMPLES, len(paths))
    return [paths[place * len(paths) // count] for place in range(count)]


def quantize_bundle(bundle: Path, target: Path, samples: Sequence[Path]) -> None:
    """Write the network of a bundle, quantised, to `target`; every second sample sets the ranges.

    Raises DataError for a network that is not in float32.
    """
    manifest = read_manifest(bundle)
    if manifest.model.precision != "float32":
        raise DataError(
            f"{manifest.name}: is {manifest.model.precision}; --int8 takes float32 weights"
        )

    def tensors() -> Iterator[Tensor]:
        for path in track(samples[::2], "calibrating"):
            yield preprocess(load_image(path), manifest.preprocess)

    with TemporaryDirectory() as folder:
        alone = Path(folder) / "alone.onnx"
        model = onnx.load(bundle / manifest.model.file)
        _keep_output(model, manifest.output.name)
        onnx.save(model, alone)
        quantize(alone, target, tensors())


def _keep_output(model: onnx.ModelProto, name: str) -> None:
    """Drop the outputs that are not used: what leads to them only would stay in float32."""
    kept = [output for output in model.graph.output if output.name == name]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"node{number}"  # what stays in float32 is excluded by name


def cost(before: Path, after: Path, samples: Sequence[Path]) -> Cost:
    """Compare the masks of two bundles on every second sample, the ones `quantize_bundle` left."""
    networks = [load_predictor(bundle, usable_cores()) for bundle in (before, after)]
    compared = [_difference(networks, path) for path in track(samples[1::2], "comparing")]
    ious, differences = zip(*compared, strict=True)
    return Cost(len(compared), float(np.mean(ious)), float(np.mean(differences)))


def _difference(networks: Sequence[Predictor], path: Path) -> tuple[float, float]:
    image = load_image(path)
    first, second = (alpha_of(network, image) for network in networks)
    both, either = (first >= 128) & (second >= 128), (first >= 128) | (second >= 128)
    iou = float(both.sum() / either.sum()) if either.any() else 1.0
    return iou, float(np.abs(first.astype(np.float32) - second).mean() / 255)
