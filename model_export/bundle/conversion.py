"""Conversion from Keras to ONNX, and the check that both give the same results."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from numpy.typing import NDArray

from cutout.errors import BundleError
from cutout.imaging.preprocess import Tensor
from model_export.config import CnnConfig, TrainConfig

OPSET = 18  # the newest that tf2onnx writes
INPUT = "image"
OUTPUTS = {"classify": "probability", "segment": "alpha"}
PARITY_TOLERANCE = 1e-4
"""Largest difference between Keras and onnxruntime, a fortieth of the least step of an alpha.

Both round in float32: the segmenter's fifty layers end up to 7e-6 and 1e-5 from float64 (LOG.md).
"""


Kind = Literal["classify", "segment"]


def task_of(config: TrainConfig) -> Kind:
    """Return the task of a config's network."""
    return "classify" if isinstance(config.network, CnnConfig) else "segment"


def to_onnx(network: Any, config: TrainConfig, path: Path, metadata: dict[str, str]) -> None:
    """Write the network as ONNX, opset 18, float32, with a fixed input size.

    The input is `image`, (1, S, S, C) float32 for a segmenter and (N, S, S, C) for a classifier,
    which scores many parts at once; the output is `alpha` (1, S, S, 1) or `probability` (N, 1).
    """
    task = task_of(config)
    batch = None if task_of(config) == "classify" else 1
    signature = [tf.TensorSpec((batch, *config.preprocess.tensor_shape), tf.float32, name=INPUT)]
    name = OUTPUTS[task]
    function = tf.function(
        lambda image: {name: network(image, training=False)},
        autograph=False,
        input_signature=signature,
    )
    proto, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=OPSET)
    if batch is None:
        for value in (*proto.graph.input, *proto.graph.output):
            # tf2onnx gives each open dimension a name of its own; one name says that they are equal
            value.type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def metadata_of(config: TrainConfig, version: str, license_text: str) -> dict[str, str]:
    """Return metadata for the ONNX file, in case it is found without its manifest; all text."""
    return {
        "name": config.name,
        "version": version,
        "task": task_of(config),
        "preprocess": json.dumps(config.preprocess.model_dump(mode="json")),
        "license": license_text,
    }


def run_onnx(path: Path, x: Tensor) -> NDArray[np.float32]:
    """Return the first output of a file for `x` (N, S, S, C) float32, as (N, ...) float32.

    Batch by batch where the file takes only one sample at a time.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    one_at_a_time = session.get_inputs()[0].shape[0] == 1
    batches = np.split(x, len(x)) if one_at_a_time else [x]
    return np.concatenate([session.run(None, {name: batch})[0] for batch in batches])


def parity(network: Any, path: Path, x: Tensor) -> float:
    """Return the largest difference between Keras and onnxruntime over `x` (N, S, S, C) float32.

    Raises BundleError where it is above PARITY_TOLERANCE.
    """
    expected = np.concatenate(
        [np.asarray(network(sample, training=False)) for sample in np.split(x, len(x))]
    )
    difference = float(np.max(np.abs(expected - run_onnx(path, x))))
    if not difference <= PARITY_TOLERANCE:  # NaN is refused too
        raise BundleError(
            f"{path.name}: Keras and onnxruntime differ by {difference:.3g}, allowed "
            f"{PARITY_TOLERANCE:g}; not exported"
        )
    return difference
