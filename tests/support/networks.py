"""Small ONNX files with the signatures of well-known networks: what comes out is the image's
brightness."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LOGIT_GAIN = 12.0  # a brightness of 0 gives -6, of 1 gives 6


def write_network(
    path: Path,
    shape: list[int | str | None],
    *,
    kind: int = TensorProto.FLOAT,
    outputs: int = 1,
    logits: bool = False,
    inputs: int = 1,
    planes: int = 1,
    half_size: bool = False,
    mean: tuple[float, ...] = (0.0,),
    std: tuple[float, ...] = (1.0,),
    names: str = "out",
) -> Path:
    """The mean over the channels after undoing (value - mean) / std; as logits 12 * (mean - 0.5).

    `outputs` are darker by a tenth each; with `planes`, plane n of n + 1 holds the answer and the
    others zero.
    """
    channel = 1 if shape[1] in (1, 3) else 3
    element = np.float16 if kind == TensorProto.FLOAT16 else np.float32
    form = [1, -1, 1, 1] if channel == 1 else [1, 1, 1, -1]
    constants = {
        "std": np.reshape(std, form).astype(element),
        "mean": np.reshape(mean, form).astype(element),
        "axes": np.array([channel], np.int64),
        "gain": np.array(LOGIT_GAIN if logits else 1.0, element),
        "shift": np.array(0.5 if logits else 0.0, element),
    }
    nodes = [
        helper.make_node("Mul", ["input", "std"], ["scaled"]),
        helper.make_node("Add", ["scaled", "mean"], ["unit"]),
        helper.make_node("ReduceMean", ["unit", "axes"], ["bright"], keepdims=1),
        helper.make_node("Sub", ["bright", "shift"], ["moved"]),
        helper.make_node("Mul", ["moved", "gain"], ["plane"]),
    ]
    last = "plane"
    if half_size:
        nodes.append(
            helper.make_node("AveragePool", [last], ["small"], kernel_shape=[2, 2], strides=[2, 2])
        )
        last = "small"
    if planes > 1:
        constants["none"] = np.array(0, element)
        nodes.append(helper.make_node("Mul", [last, "none"], ["empty"]))
        nodes.append(
            helper.make_node("Concat", ["empty"] * (planes - 1) + [last], ["planes"], axis=channel)
        )
        last = "planes"
    for number in range(outputs):
        constants[f"share{number}"] = np.array(1 - number / 10, element)
        nodes.append(helper.make_node("Mul", [last, f"share{number}"], [f"{names}{number}"]))
    extra = [
        helper.make_tensor_value_info(f"state{number}", kind, [1]) for number in range(inputs - 1)
    ]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("input", kind, shape), *extra],
        [
            helper.make_tensor_value_info(f"{names}{number}", kind, None)
            for number in range(outputs)
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path
    )
    return path


def write_convolutions(
    path: Path,
    side: int,
    *,
    half: bool,
    mean: tuple[float, ...] = (0.5,),
    std: tuple[float, ...] = (1.0,),
) -> Path:
    """Two convolutions that give an image's brightness after undoing (value - mean) / std.

    With the traits of the files that IS-Net's users have: weights in half precision between casts
    and nodes out of their order (where `half`), and seven outputs with numbers for names, the last
    a feature map.
    """
    element, kind = (np.float16, TensorProto.FLOAT16) if half else (np.float32, TensorProto.FLOAT)
    spread, joined = np.zeros((4, 3, 3, 3), element), np.full((1, 4, 1, 1), 1 / 3, element)
    spread[[0, 1, 2], [0, 1, 2], 1, 1] = std
    constants = {"spread": spread, "joined": joined, "shift": np.array([np.mean(mean)], element)}
    nodes = [
        helper.make_node("Cast", ["input"], ["low"], to=kind),
        helper.make_node("Conv", ["low", "spread"], ["features"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["features", "joined", "shift"], ["plane"]),
    ]
    names = [str(1890 + number) for number in range(7)]
    for number, name in enumerate(names):
        constants[f"share{number}"] = np.array(1 - number / 10, element)
        source = "features" if number == 6 else "plane"
        nodes.append(helper.make_node("Mul", [source, f"share{number}"], [f"low{number}"]))
        nodes.append(helper.make_node("Cast", [f"low{number}"], [name], to=TensorProto.FLOAT))
    graph = helper.make_graph(
        nodes[::-1] if half else nodes,
        "convolutions",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, side, side])
            for name, channels in zip(names, [1] * 6 + [4], strict=True)
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)
    return path
