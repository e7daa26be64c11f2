"""The float32 form of a quantised bundle, at any canvas, from the `.keras` file beside it."""

import hashlib
from pathlib import Path

from benchmarks.unet import write_unet
from cutout.imaging.decode import decode, read_header
from cutout.imaging.preprocess import Image
from cutout.inference.golden import golden_answer
from cutout.inference.manifest import MANIFEST, Manifest, read_manifest
from cutout.inference.onnx_predictor import load_predictor


def float32_bundle(shipped: Path, folder: Path, size: int, *, unet: bool = False) -> Path:
    """Write a bundle in `folder` with the same weights in float32, for another canvas.

    The canvas is `size` x `size`: convolutions fit any. With `unet`, a plain U-Net takes the place
    of the network. The network is not mirrored, also where the shipped form is: other servers run
    it like that. Exits with a message where the manifest has no config.
    """
    manifest = read_manifest(shipped)
    spec = manifest.preprocess.model_copy(update={"size": size})
    manifest = manifest.model_copy(update={"preprocess": spec})
    bundle = folder / manifest.name
    bundle.mkdir(parents=True)
    if unet:
        write_unet(manifest, bundle / manifest.model.file)
    else:
        _convert(shipped, manifest, bundle / manifest.model.file)
    data = (bundle / manifest.model.file).read_bytes()
    model = manifest.model.model_copy(
        update={
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "precision": "float32",
        }
    )
    manifest = manifest.model_copy(update={"model": model})
    (bundle / MANIFEST).write_text(manifest.model_dump_json())
    answer = golden_answer(load_predictor(bundle), _golden_image(manifest))
    golden = manifest.golden.model_copy(update={"expected": tuple(answer)})
    (bundle / MANIFEST).write_text(manifest.model_copy(update={"golden": golden}).model_dump_json())
    return bundle


def _golden_image(manifest: Manifest) -> Image:
    png = manifest.golden.png()
    return decode(png, read_header(png, 1_000_000)).image


def _convert(shipped: Path, manifest: Manifest, path: Path) -> None:
    from model_export.bundle.conversion import to_onnx
    from model_export.config import TrainConfig
    from model_export.networks.weights import load_network

    if manifest.training is None:
        raise SystemExit(f"{shipped}: its manifest doesn't say how it was trained")
    config = TrainConfig.model_validate(manifest.training.config)
    config = config.model_copy(update={"preprocess": manifest.preprocess})
    to_onnx(load_network(shipped / "model.keras", config), config, path, {})
