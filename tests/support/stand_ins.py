"""A predictor that a child can check: bright is foreground."""

import threading

import numpy as np

from app.settings import Settings
from cutout.imaging.box import Size
from cutout.imaging.preprocess import Alpha, Image, PreprocessSpec, Tensor, canvas_box, resize
from cutout.inference.manifest import Golden, Manifest, ModelFile, OutputSpec, PartsSpec
from cutout.inference.predictor import Prepared

SIDE = 32


def manifest(name: str = "bright", task: str = "segment") -> Manifest:
    return Manifest.model_validate(
        {
            "name": name,
            "version": "1.0.0",
            "task": task,
            "description": "bright is foreground",
            "license": "Apache-2.0",
            "created": "2026-01-01T00:00:00Z",
            "preprocess": PreprocessSpec(color="gray", size=SIDE, fit="stretch", scale="unit"),
            "output": OutputSpec(name="alpha"),
            "parts": PartsSpec(sizes=(0.5,), stride=0.5) if task == "classify" else None,
            "model": ModelFile(
                sha256="0" * 64, bytes=1, opset=18, precision="float32", input="image"
            ),
            "golden": Golden(image="", expected=(0.0,), tolerance=1.0),
        }
    )


class BrightPredictor:
    """The alpha is the image's green channel; the probability is its mean."""

    def __init__(self, name: str = "bright", task: str = "segment") -> None:
        self.manifest = manifest(name, task)

    def prepare(self, image: Image) -> Prepared:
        small = np.asarray(resize(image, SIDE, SIDE)[:, :, 1] / 255, np.float32)
        size = Size(image.shape[1], image.shape[0])
        box = canvas_box(size, self.manifest.preprocess)
        return Prepared(small[np.newaxis], (box,), size)

    def predict(self, prepared: Prepared) -> Tensor:
        return prepared.tensor

    def assemble(self, prepared: Prepared, output: Tensor) -> Alpha:
        return np.asarray(output[0], np.float32)

    def mask_size(self, size: Size) -> Size:
        return Size(SIDE, SIDE)

    def probability(self, image: Image, alpha: Alpha | None = None) -> float:
        return float(image[:, :, 1].mean() / 255 if alpha is None else alpha.mean())

    def score_size(self, size: Size) -> Size:
        return Size(SIDE, SIDE)


class PausingPredictor(BrightPredictor):
    """A segmenter that works on nothing before it may go on."""

    def __init__(self, go_on: threading.Event) -> None:
        super().__init__("segmenter")
        self._go_on = go_on

    def predict(self, prepared: Prepared) -> Tensor:
        self._go_on.wait()
        return super().predict(prepared)


def bright_predictors(settings: Settings) -> list[BrightPredictor]:
    return [BrightPredictor("classifier", "classify"), BrightPredictor("segmenter")]
