"""The server of rembg, in an environment of its own, with the network that our server has.

From PyPI, under the MIT licence; `make bench-env` installs it (requirements/bench.txt).
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
from onnx import helper

from benchmarks.load import upload
from benchmarks.servers import Server, serving
from cutout.inference.manifest import read_manifest

MODEL = Path("models") / "u2net_custom" / "network.onnx"
SIZE = 320  # pixels a side of the input that `u2net_custom` makes


def executable() -> Path:
    """Return rembg's command. Exits with a message where it is not installed."""
    command = Path(sys.prefix) / "rembg" / "bin" / "rembg"
    if not command.exists():
        raise SystemExit(f"{command}: no rembg there; install it with `make bench-env`")
    return command


def write_network(bundle: Path, home: Path) -> None:
    """Write a bundle's network as `u2net_custom` needs it.

    (1, 3, 320, 320) in, (1, 1, 320, 320) out, the rest unchanged. Exits with a message where the
    network takes another input.
    """
    manifest = read_manifest(bundle)
    spec = manifest.preprocess
    if (spec.size, spec.color, spec.layout) != (SIZE, "rgb", "NHWC"):
        raise SystemExit(
            f"{bundle}: u2net_custom feeds RGB at {SIZE} x {SIZE}; this network takes {spec}"
        )
    network = onnx.load(bundle / manifest.model.file)
    graph = network.graph
    given, made = manifest.model.input, manifest.output.name
    graph.node.insert(0, helper.make_node("Transpose", ["nchw"], [given], perm=[0, 2, 3, 1]))
    graph.node.append(helper.make_node("Transpose", [made], ["mask"], perm=[0, 3, 1, 2]))
    del graph.input[:], graph.output[:]
    graph.input.append(
        helper.make_tensor_value_info("nchw", onnx.TensorProto.FLOAT, (1, 3, SIZE, SIZE))
    )
    graph.output.append(
        helper.make_tensor_value_info("mask", onnx.TensorProto.FLOAT, (1, 1, SIZE, SIZE))
    )
    onnx.checker.check_model(network)
    (home / MODEL).parent.mkdir(parents=True)
    onnx.save(network, home / MODEL)


def offer(file: Path, model: str, home: Path) -> None:
    """Put a network's ONNX file where rembg would download it to."""
    folder = home / "models" / model
    folder.mkdir(parents=True)
    (folder / f"{model}.onnx").symlink_to(file.resolve())


def request(image: bytes, home: Path) -> bytes:
    """Return the bytes of a request to its API: the custom network, no alpha matting."""
    extras = json.dumps({"model_path": str(home / MODEL)}, separators=(",", ":"))
    quoted = extras.replace('"', "%22").replace("{", "%7B").replace("}", "%7D")
    return upload(f"/api/remove?extras={quoted}", image, model="u2net_custom")


@contextmanager
def rembg_server(home: Path, first: bytes) -> Iterator[Server]:
    """Run `rembg s --no-ui`, which is ready once it has answered a request.

    It loads the network with the first one.
    """
    rembg = executable()
    command = [
        str(rembg),
        "s",
        "--no-ui",
        "--host",
        "127.0.0.1",
        "--port",
        "{port}",
    ]
    values = {
        "REMBG_HOME": str(home),
        "U2NET_HOME": "",
        "MODEL_CHECKSUM_DISABLED": "1",  # of the file that `offer` put there
        "HOME": str(home),
        "BROWSER": "true",
    }
    path = f"{rembg.parent}:{os.environ.get('PATH', '')}"
    with serving(command, {**values, "PATH": path}, first) as server:
        yield server
