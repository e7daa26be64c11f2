"""A plain U-Net of 1.1 million parameters, as ONNX, to compare with: as heavy as many networks.

float32 at 320 x 320, two 3x3 convolutions a level down and one up, 3.1 billion multiplications at
256 x 256, of random weights: only its time matters.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from cutout.inference.manifest import Manifest

WIDTHS = (16, 32, 64, 128, 128)
UNET_SIDE = 320


def write_unet(manifest: Manifest, path: Path) -> None:
    """Write a U-Net with the input and output of a bundle.

    Its result is hidden under that of an ellipse: the stages after the network have a subject of
    usual size with a soft edge to process.
    """
    network = plain_unet()
    graph = network.graph
    oval = np.zeros((UNET_SIDE, UNET_SIDE), np.float32)
    cv2.ellipse(
        oval,
        (UNET_SIDE // 2, UNET_SIDE // 2),
        (UNET_SIDE // 4, UNET_SIDE // 3),
        20,
        0,
        360,
        1.0,
        -1,
    )
    oval = np.asarray(cv2.GaussianBlur(oval, (0, 0), 2), np.float32)[np.newaxis, np.newaxis]
    graph.initializer.extend(
        [
            numpy_helper.from_array(oval, "oval"),
            numpy_helper.from_array(np.array(1e-6, np.float32), "faint"),
        ]
    )
    given, made = manifest.model.input, manifest.output.name
    graph.node[-1].output[0] = "unet"
    graph.node[0].input[0] = "planes"
    graph.node.insert(0, helper.make_node("Transpose", [given], ["planes"], perm=[0, 3, 1, 2]))
    graph.node.extend(
        [
            helper.make_node("Mul", ["unet", "faint"], ["hardly"]),
            helper.make_node("Max", ["hardly", "oval"], ["both"]),
            helper.make_node("Transpose", ["both"], [made], perm=[0, 2, 3, 1]),
        ]
    )
    del graph.input[:], graph.output[:]
    graph.input.append(
        helper.make_tensor_value_info(given, TensorProto.FLOAT, [1, UNET_SIDE, UNET_SIDE, 3])
    )
    graph.output.append(
        helper.make_tensor_value_info(made, TensorProto.FLOAT, [1, UNET_SIDE, UNET_SIDE, 1])
    )
    onnx.checker.check_model(network)
    onnx.save(network, path)


def plain_unet() -> onnx.ModelProto:
    """Make the network: (1, 3, 320, 320) float32 -> (1, 1, 320, 320) float32."""
    graph = Graph()
    value = "image"
    channels = 3
    skips = []
    for level, width in enumerate(WIDTHS):
        deepest = level + 1 == len(WIDTHS)
        for _ in range(1 if deepest else 2):
            value = graph.conv(value, channels, width)
            channels = width
        if not deepest:
            skips.append((value, width))
            value = graph.add("MaxPool", [value], kernel_shape=[2, 2], strides=[2, 2])
    for skip, width in reversed(skips):
        scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
        value = graph.add(
            "Resize",
            [value, "", scales],
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )
        value = graph.add("Concat", [value, skip], axis=1)
        value = graph.conv(value, channels + width, width)
        channels = width
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
    """The nodes and weights of a network, as they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.rng = np.random.default_rng(0)

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        output = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, array: NDArray[np.float32]) -> str:
        """Add a constant, an array of any shape (...) float32; return its name."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def conv(
        self, value: str, channels: int, width: int, kernel: int = 3, activate: bool = True
    ) -> str:
        """Add a convolution with random weights; return the name of its output."""
        spread = np.sqrt(2 / (channels * kernel**2))
        weights = self.constant(
            (self.rng.standard_normal((width, channels, kernel, kernel)) * spread).astype("f4")
        )
        bias = self.constant(np.zeros(width, np.float32))
        output = self.add("Conv", [value, weights, bias], pads=[kernel // 2] * 4)
        return self.add("Relu", [output]) if activate else output
