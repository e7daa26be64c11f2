"""The segmenter's network beside a plain U-Net of 1.1 million parameters, on one thread.

    python -m benchmarks.network        # about 20 seconds

The U-Net is float32 at 320x320 with two 3x3 convolutions a level down and one up (1.1 million parameters, 3.1 billion
multiplications at 256x256), of random weights: only its time matters. Runs alternate, so that whatever else the
machine does touches all alike. Expected: at most 40/59 of the U-Net's time. Writes benchmarks/results/network.json.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from app.inference.manifest import read_manifest
from benchmarks.serve import RESULTS, machine
from benchmarks.servers import ROOT

WIDTHS = (16, 32, 64, 128, 128)
UNET_SIDE = 320
ROUNDS = 60
BUDGET = 40 / 59

Runner = tuple[ort.InferenceSession, dict[str, NDArray[np.float32]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=ROOT / "models" / "segmenter")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    manifest = read_manifest(options.bundle)
    unet = plain_unet()
    runners = {
        "plain U-Net, float32, 320x320": runner(unet.SerializeToString()),
        f"segmenter as shipped, {manifest.preprocess.size}x{manifest.preprocess.size}": runner(
            (options.bundle / manifest.model.file).read_bytes()
        ),
    }
    milliseconds = time_alternately(runners)
    unet_ms, segmenter_ms = milliseconds.values()
    report = {
        "command": "python -m benchmarks.network",
        "machine": machine(),
        "unet_parameters": sum(int(np.prod(tensor.dims)) for tensor in unet.graph.initializer),
        "segmenter_bytes": manifest.model.bytes,
        "median_ms_one_thread": {name: round(value, 2) for name, value in milliseconds.items()},
        "segmenter_of_unet": round(segmenter_ms / unet_ms, 3),
        "at_most": round(BUDGET, 3),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "network.json").write_text(json.dumps(report, indent=1) + "\n")
    json.dump(report, sys.stdout, indent=1)
    print()


def runner(model: bytes) -> Runner:
    """A session on one thread, and something to feed it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    shape = [side if isinstance(side, int) else 1 for side in entry.shape]
    return session, {entry.name: np.random.default_rng(1).random(shape, np.float32)}


def time_alternately(runners: dict[str, Runner]) -> dict[str, float]:
    """Median milliseconds of one run of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, (session, feed) in runners.items():
            started = time.perf_counter()
            session.run(None, feed)
            times[name].append(1000 * (time.perf_counter() - started))
    return {name: float(np.median(values[ROUNDS // 10 :])) for name, values in times.items()}


def plain_unet() -> onnx.ModelProto:
    """(1, 3, 320, 320) -> (1, 1, 320, 320)."""
    graph = Graph()
    value, channels, skips = "image", 3, []
    for level, width in enumerate(WIDTHS):
        deepest = level + 1 == len(WIDTHS)
        for _ in range(1 if deepest else 2):
            value, channels = graph.conv(value, channels, width), width
        if not deepest:
            skips.append((value, width))
            value = graph.add("MaxPool", [value], kernel_shape=[2, 2], strides=[2, 2])
    for skip, width in reversed(skips):
        scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
        value = graph.add("Resize", [value, "", scales], mode="linear", coordinate_transformation_mode="half_pixel")
        value = graph.add("Concat", [value, skip], axis=1)
        value, channels = graph.conv(value, channels + width, width), width
        value = graph.conv(value, width, width)
    logits = graph.conv(value, channels, 1, kernel=1, activate=False)
    graph.nodes.append(helper.make_node("Sigmoid", [logits], ["alpha"]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, depth, UNET_SIDE, UNET_SIDE])
        for name, depth in (("image", 3), ("alpha", 1))
    ]
    whole = helper.make_graph(graph.nodes, "plain_unet", ends[:1], ends[1:], graph.constants)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


class Graph:
    """Nodes and weights as they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.rng = np.random.default_rng(0)

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, array: NDArray[np.float32]) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def conv(self, value: str, channels: int, width: int, kernel: int = 3, activate: bool = True) -> str:
        spread = np.sqrt(2 / (channels * kernel**2))
        weights = self.constant((self.rng.standard_normal((width, channels, kernel, kernel)) * spread).astype("f4"))
        bias = self.constant(np.zeros(width, np.float32))
        output = self.add("Conv", [value, weights, bias], pads=[kernel // 2] * 4)
        return self.add("Relu", [output]) if activate else output


if __name__ == "__main__":
    main()
