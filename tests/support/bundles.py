"""Real bundles of one node: the mean of the pixels.

Small enough to compute by hand, real enough for onnxruntime.
"""

import base64
import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from cutout.imaging.preprocess import PreprocessSpec
from cutout.inference.manifest import MANIFEST, Golden, Manifest, ModelFile, OutputSpec, PartsSpec
from tests.support.images import encoded

SIDE = 32


def write_bundles(folder: Path) -> Path:
    """`classifier` (the mean of a part) and `segmenter` (the brightness of each pixel) in
    `folder`."""
    write_bundle(folder / "classifier", "classify")
    write_bundle(folder / "segmenter", "segment")
    return folder


def write_bundle(bundle: Path, task: str) -> Path:
    bundle.mkdir(parents=True)
    model = (
        _mean_over([1, 2, 3], ["N", SIDE, SIDE, 1], ["N"])
        if task == "classify"
        else _mean_over([3], *_PLANES)
    )
    data = model.SerializeToString()
    (bundle / "model.onnx").write_bytes(data)
    (bundle / MANIFEST).write_text(_manifest(bundle.name, task, data).model_dump_json(indent=2))
    return bundle


_PLANES: tuple[list[int | str], list[int | str]] = ([1, SIDE, SIDE, 3], [1, SIDE, SIDE])


def _mean_over(axes: list[int], shape: list[int | str], out: list[int | str]) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["image", "axes"], ["answer"], keepdims=0)],
        "mean",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, out)],
        [helper.make_tensor("axes", TensorProto.INT64, [len(axes)], axes)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _manifest(name: str, task: str, model: bytes) -> Manifest:
    classify = task == "classify"
    white = np.full((16, 16, 3), 255, np.uint8)
    return Manifest(
        name=name,
        version="1.0.0",
        task="classify" if classify else "segment",
        description="the mean of the pixels",
        license="Apache-2.0",
        created="2026-01-01T00:00:00Z",
        preprocess=PreprocessSpec(
            color="gray" if classify else "rgb",
            size=SIDE,
            fit="crop" if classify else "stretch",
            scale="unit",
        ),
        output=OutputSpec(name="answer", activation="none"),
        threshold=0.5,
        parts=PartsSpec(sizes=(0.5,), stride=0.5) if classify else None,
        model=ModelFile(
            sha256=hashlib.sha256(model).hexdigest(),
            bytes=len(model),
            opset=18,
            precision="float32",
            input="image",
        ),
        golden=Golden(
            image=base64.b64encode(encoded(white)).decode(),
            expected=(1.0,) * (1 if classify else 64),
            tolerance=1e-3,
        ),
    )
