"""The least that a FastAPI service around the classifier can be; `benchmarks.predict` serves it."""

from typing import Any

import cv2
import numpy as np
import onnxruntime
from fastapi import FastAPI, UploadFile

from app.settings import Settings
from cutout.imaging.preprocess import preprocess
from cutout.inference.manifest import find_bundles, read_manifest

cv2.setNumThreads(1)
bundle = next(
    path for path in find_bundles(Settings().models) if read_manifest(path).task == "classify"
)
manifest = read_manifest(bundle)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(
    bundle / manifest.model.file, options, providers=["CPUExecutionProvider"]
)
app = FastAPI()


@app.post("/threads")
def threads(file: UploadFile) -> dict[str, Any]:
    """Score an upload in AnyIO's threads."""
    return _score(file.file.read())


@app.post("/loop")
async def loop(file: UploadFile) -> dict[str, Any]:
    """Score an upload on the event loop."""
    return _score(await file.read())


def _score(upload: bytes) -> dict[str, Any]:
    image = cv2.imdecode(np.frombuffer(upload, np.uint8), cv2.IMREAD_COLOR_RGB)
    tensor = preprocess(np.asarray(image, np.uint8), manifest.preprocess)
    probability = session.run([manifest.output.name], {manifest.model.input: tensor})[0]
    return {"probability": float(np.reshape(probability, -1)[0])}
