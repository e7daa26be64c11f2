"""Static quantisation: u8 activations and s8 weights per channel, in QDQ form.

Source: Jacob et al., arXiv 1712.05877.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import CalibrationDataReader
from onnxruntime.quantization.shape_inference import quant_pre_process

from cutout.imaging.preprocess import Tensor


def quantize(source: Path, target: Path, samples: Iterator[Tensor]) -> None:
    """Write `source` quantised to `target`, its ranges from samples (1, S, S, C) float32.

    Samples should be real images. Weights use 7 bits: processors without VNNI add pairs of 8-bit
    products in 16 bits, which would overflow there and give other results than here. The head stays
    in float32: eight bits of logit would leave an alpha of some 80 levels, visible as bands in soft
    edges, and the head costs nothing. Ranges are the mean of each sample's: the widest of any
    sample leaves a deep network too few levels for all others (IS-Net in 8 bits differed by .38
    from itself, and now by .013).
    """
    with TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            _Samples(samples, onnx.load(prepared).graph.input[0].name),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            # by the names in the prepared file, whose nodes may be fused ones
            nodes_to_exclude=_head(onnx.load(prepared)),
            # as good as percentiles and entropy, which cost more (LOG.md)
            calibrate_method=CalibrationMethod.MinMax,
            extra_options={"CalibMovingAverage": True},
        )


def _head(model: onnx.ModelProto) -> list[str]:
    """Name the last convolutions, two in a mirrored network, and everything after them."""
    nodes = list(model.graph.node)
    makers = {output: node for node in nodes for output in node.output}
    head: list[str] = []
    waiting = [output.name for output in model.graph.output]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in head:
            head.append(node.name)
            waiting += [] if node.op_type == "Conv" else list(node.input)
    return head


class _Samples(CalibrationDataReader):
    def __init__(self, samples: Iterator[Tensor], name: str) -> None:
        self.samples = samples
        self.name = name

    def get_next(self) -> dict[str, Tensor] | None:
        sample = next(self.samples, None)
        return None if sample is None else {self.name: sample}
