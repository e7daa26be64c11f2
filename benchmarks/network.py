"""The segmenter's network beside a plain U-Net of 1.1 million parameters, on one thread.

    python -m benchmarks.network        # about 20 seconds

The U-Net is float32 at 320x320 with two 3x3 convolutions a level down and one up (1.1 million
parameters, 3.1 billion multiplications at 256x256), of random weights: only its time matters. Runs
alternate, so that whatever else the machine does touches all alike. Expected: at most 40/59 of the
U-Net's time. Writes benchmarks/results/network.json.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from benchmarks.serve import RESULTS, machine
from benchmarks.servers import ROOT
from benchmarks.unet import plain_unet
from cutout.inference.manifest import read_manifest

ROUNDS = 60
BUDGET = 40 / 59  # of the U-Net's time: what the segmenter may take

Runner = tuple[ort.InferenceSession, dict[str, NDArray[np.float32]]]


def main() -> None:
    """Measure both networks, write the figures and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    """Return a session on one thread, and an input for it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    shape = [side if isinstance(side, int) else 1 for side in entry.shape]
    return session, {entry.name: np.random.default_rng(1).random(shape, np.float32)}


def time_alternately(runners: dict[str, Runner]) -> dict[str, float]:
    """Return the median milliseconds of one run of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, (session, feed) in runners.items():
            started = time.perf_counter()
            session.run(None, feed)
            times[name].append(1000 * (time.perf_counter() - started))
    return {name: float(np.median(values[ROUNDS // 10 :])) for name, values in times.items()}


if __name__ == "__main__":
    main()
