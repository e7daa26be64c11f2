"""Nothing about a user or a model leaves the machine."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

# The import of a predictor as the server does it, then any session: telemetry starts with the
# first.
RUN = """
import cutout.inference.onnx_predictor, onnx, onnxruntime
from onnx import TensorProto, helper
value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
node = helper.make_node("Identity", ["x"], ["y"])
graph = helper.make_graph([node], "identity", value[:1], value[1:])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
onnxruntime.InferenceSession(model.SerializeToString())
"""


def test_onnxruntime_keeps_no_identifier_and_starts_no_uploader(tmp_path: Path) -> None:
    switches = {
        "CI",
        "ORT_DISABLE_TELEMETRY",
        "ORT_RUNNING_UNIT_TESTS",
        "GITHUB_ACTIONS",
        "XDG_CACHE_HOME",
    }
    environment = {name: value for name, value in os.environ.items() if name not in switches}
    environment |= {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", RUN], cwd=ROOT, env=environment, check=True)
    assert list(tmp_path.rglob("*")) == []
