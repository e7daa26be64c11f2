"""Predictors that run bundles with onnxruntime; no other module of the engine imports it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime

from cutout.errors import BundleError, ProviderMissing
from cutout.imaging.box import Box, Size
from cutout.imaging.mask import restore
from cutout.imaging.preprocess import (
    Alpha,
    Image,
    Tensor,
    canvas_box,
    fit,
    normalize,
    reduce_for_parts,
    size_for_parts,
)
from cutout.inference.manifest import Manifest, OutputSpec, PartsSpec, read_manifest
from cutout.inference.predictor import Predictor, Prepared

BATCH = 16  # fixed: the memory of onnxruntime grows with every new shape, and never shrinks
MAP_SIDE = 96  # pixels: the shorter side of the alpha that is made of the scores of parts
INPUT_TYPES: dict[str, type[np.floating[Any]]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}


PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "migraphx": "MIGraphXExecutionProvider",
}


def load_predictor(
    bundle: Path, intra_op_threads: int = 1, providers: Sequence[str] = ("cpu",)
) -> Predictor:
    """Load a bundle, its manifest and sha256 checked.

    `intra_op_threads` are onnxruntime's threads for one image. `providers` are keys of PROVIDERS;
    each operator of the network runs on the first that has it. Raises BundleError where the bundle
    is corrupt or onnxruntime cannot load it, and ProviderMissing where a provider is not available.
    """
    manifest = read_manifest(bundle)
    session = _Session(bundle / manifest.model.file, manifest, intra_op_threads, providers)
    if manifest.parts is not None:
        return PartsPredictor(manifest, session, manifest.parts)
    return MaskPredictor(manifest, session)


class _Session:
    """An onnxruntime session with one input and the output that the manifest names."""

    def __init__(
        self, path: Path, manifest: Manifest, intra_op_threads: int, providers: Sequence[str]
    ) -> None:
        wanted = _checked(providers)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = intra_op_threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        for name, size in manifest.model.dimensions.items():
            options.add_free_dimension_override_by_name(name, size)
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=wanted)
        except Exception as error:  # onnxruntime's own exceptions share no base class
            raise BundleError(f"onnxruntime cannot load {path}: {error}") from error
        # onnxruntime skips a provider whose libraries are missing, with just a warning.
        if missing := [
            name for name in providers if PROVIDERS[name] not in self._session.get_providers()
        ]:
            raise ProviderMissing(
                f"CUTOUT_PROVIDERS={','.join(providers)}: {missing[0]} is installed, but does not "
                "start; check its driver and libraries, or set CUTOUT_PROVIDERS=cpu"
            )
        self._input = manifest.model.input
        self._output = manifest.output.name
        self._activation = manifest.output.activation
        self._check_names(path)
        self._dtype = self._input_type(path)

    def run(self, tensor: Tensor) -> Tensor:
        """Run the network on a tensor; returns its output as float32, the activation applied."""
        feed = {self._input: tensor.astype(self._dtype, copy=False)}
        output = np.asarray(self._session.run([self._output], feed)[0], np.float32)
        if self._activation == "sigmoid":
            # 1 / (1 + exp(-x)), which would overflow.
            return np.asarray(0.5 + 0.5 * np.tanh(0.5 * output), np.float32)
        if self._activation == "minmax":
            low, high = output.min(), output.max()
            return np.asarray((output - low) / max(float(high - low), 1e-6), np.float32)
        return output

    def _check_names(self, path: Path) -> None:
        inputs = [node.name for node in self._session.get_inputs()]
        outputs = [node.name for node in self._session.get_outputs()]
        if inputs != [self._input] or self._output not in outputs:
            raise BundleError(
                f"{path} has inputs {inputs} and outputs {outputs}; the manifest says "
                f"{self._input!r} and {self._output!r}"
            )

    def _input_type(self, path: Path) -> type[np.floating[Any]]:
        stated = self._session.get_inputs()[0].type
        if stated not in INPUT_TYPES:
            raise BundleError(
                f"{path}: the input is of type {stated}; supported: {', '.join(INPUT_TYPES)}"
            )
        return INPUT_TYPES[stated]


def _checked(providers: Sequence[str]) -> list[str]:
    """Return onnxruntime's names of providers. Raises ProviderMissing if it lacks one."""
    available = onnxruntime.get_available_providers()
    if missing := [name for name in providers if PROVIDERS[name] not in available]:
        there = ",".join(name for name, full in PROVIDERS.items() if full in available)
        raise ProviderMissing(
            f"CUTOUT_PROVIDERS={','.join(providers)}: the installed onnxruntime has no provider "
            f"{missing[0]}, only {there}; set one of these, or install the build that has it"
        )
    if {"cuda", "tensorrt"} & set(providers):
        # The loader would find the system's libraries, but not those that pip installed.
        onnxruntime.preload_dlls()
    return [PROVIDERS[name] for name in providers]


class MaskPredictor:
    """A segmenter, which classifies every pixel: one image, one run, one alpha."""

    def __init__(self, manifest: Manifest, session: _Session) -> None:
        self.manifest = manifest
        self._session = session

    def prepare(self, image: Image) -> Prepared:
        """Make the tensor (1, S, S, C) float32 of an image (H, W, 3) uint8 RGB."""
        canvas, box = fit(image, self.manifest.preprocess)
        tensor = normalize(canvas, self.manifest.preprocess)
        return Prepared(tensor, (box,), Size(image.shape[1], image.shape[0]))

    def predict(self, prepared: Prepared) -> Tensor:
        """Run the network on a tensor (1, S, S, C) float32; return its output as float32."""
        return self._session.run(prepared.tensor)

    def assemble(self, prepared: Prepared, output: Tensor) -> Alpha:
        """Make the alpha (h, w) float32 in [0, 1] of the image, at the network's resolution.

        Raises BundleError where the output has no plane as the manifest says.
        """
        side = self.manifest.preprocess.size
        canvas = foreground_plane(output, self.manifest.output)
        if canvas.shape != (side, side):
            canvas = np.asarray(
                cv2.resize(canvas, (side, side), interpolation=cv2.INTER_LINEAR), np.float32
            )
        return restore(np.clip(canvas, 0, 1), prepared.boxes[0])

    def mask_size(self, size: Size) -> Size:
        """Return the size to which `prepare` resizes an image of that size."""
        return _placed_size(size, self.manifest)

    def probability(self, image: Image, alpha: Alpha | None = None) -> float:
        """Return the mean of the highest 1 % of the alpha: near 0 only if nothing is foreground.

        `image` is (H, W, 3) uint8 RGB. `alpha` (h, w) float32 is what `assemble` returned for it;
        if None, the network runs.
        """
        if alpha is None:
            prepared = self.prepare(image)
            alpha = self.assemble(prepared, self.predict(prepared))
        count = max(1, alpha.size // 100)
        return float(np.partition(alpha.ravel(), -count)[-count:].mean())

    def score_size(self, size: Size) -> Size:
        """Return the size to which `probability` resizes an image of that size."""
        return self.mask_size(size)


def foreground_plane(output: Tensor, spec: OutputSpec) -> Tensor:
    """Return the plane (h, w) float32 of an output that holds the foreground.

    `output` is float32, of a shape that `spec` describes: (1, S, S, C), (1, C, S, S), (1, S, S) or
    (S, S). Raises BundleError where it has no such plane.
    """
    if output.ndim == 4:
        output = output if spec.layout == "NCHW" else output.transpose(0, 3, 1, 2)
        if spec.channel < output.shape[1]:
            return np.ascontiguousarray(output[0, spec.channel])
    elif output.ndim in (2, 3) and output.size == output.shape[-1] * output.shape[-2]:
        return output.reshape(output.shape[-2:])
    raise BundleError(
        f"output {spec.name!r} of shape {output.shape} has no channel {spec.channel} "
        f"({spec.layout})"
    )


class PartsPredictor:
    """A classifier, which scores a small square, moved over the image at several scales."""

    def __init__(self, manifest: Manifest, session: _Session, parts: PartsSpec) -> None:
        self.manifest = manifest
        self._session = session
        self._parts = parts

    def prepare(self, image: Image) -> Prepared:
        """Make the tensors (N, S, S, C) float32 of all N parts of an image (H, W, 3) uint8 RGB."""
        reduced = reduce_for_parts(image, self._parts.sizes, self.manifest.preprocess)
        height, width = reduced.shape[:2]
        boxes = tuple(_boxes(width, height, self._parts))
        spec = self.manifest.preprocess
        tensors = [normalize(fit(reduced[box.rows, box.columns], spec)[0], spec) for box in boxes]
        return Prepared(np.concatenate(tensors), boxes, Size(width, height))

    def predict(self, prepared: Prepared) -> Tensor:
        """Score every part, in batches of one size; returns (N, 1) float32 in [0, 1]."""
        tensor = prepared.tensor
        missing = -len(tensor) % BATCH
        padded = np.concatenate([tensor, np.zeros((missing, *tensor.shape[1:]), np.float32)])
        batches = [
            self._session.run(padded[start : start + BATCH])
            for start in range(0, len(padded), BATCH)
        ]
        return np.concatenate(batches)[: len(tensor)]

    def assemble(self, prepared: Prepared, output: Tensor) -> Alpha:
        """Average the scores of the parts that cover each point, weighted towards their centres.

        Returns an alpha (h, w) float32 in [0, 1], the mean over all scales.
        """
        scores = output.reshape(len(prepared.boxes))
        width, height = prepared.size
        ratio = MAP_SIDE / min(width, height)
        shape = (max(1, round(height * ratio)), max(1, round(width * ratio)))
        maps = []
        for side in sorted({box.width for box in prepared.boxes}):
            total = np.zeros(shape, np.float32)
            weight = np.full(shape, 1e-6, np.float32)
            for box, score in zip(prepared.boxes, scores, strict=True):
                if box.width == side:
                    _spread(total, weight, box, float(score), ratio)
            maps.append(total / weight)
        return np.asarray(np.mean(maps, axis=0), np.float32)

    def mask_size(self, size: Size) -> Size:
        """Return the size to which `prepare` resizes an image of that size."""
        return size_for_parts(*size, self._parts.sizes, self.manifest.preprocess)

    def probability(self, image: Image, alpha: Alpha | None = None) -> float:
        """Return the classifier's probability for an image (H, W, 3) uint8 RGB as a whole.

        `alpha` is part of the protocol, and not used.
        """
        spec = self.manifest.preprocess
        return float(self._session.run(normalize(fit(image, spec)[0], spec)).reshape(-1)[0])

    def score_size(self, size: Size) -> Size:
        """Return the size to which `probability` resizes an image of that size."""
        return _placed_size(size, self.manifest)


def _placed_size(size: Size, manifest: Manifest) -> Size:
    """Return the size of an image on the network's canvas, including what `fit` crops."""
    return canvas_box(size, manifest.preprocess).size


def _boxes(width: int, height: int, parts: PartsSpec) -> Iterator[Box]:
    """Yield squares of every size, in steps; the last row and column end at the image's edge."""
    for share in parts.sizes:
        side = max(1, round(share * min(width, height)))
        for top in _starts(height, side, parts.stride):
            for left in _starts(width, side, parts.stride):
                yield Box(left, top, side, side)


def _starts(length: int, side: int, stride: float) -> list[int]:
    count = max(1, int(np.ceil((length - side) / max(1.0, side * stride))) + 1)
    return sorted({round(start) for start in np.linspace(0, length - side, count)})


def _spread(total: Alpha, weight: Alpha, box: Box, score: float, ratio: float) -> None:
    """Add a part's score to the cells it covers, weighted by a Hann window, in place."""
    top = round(box.top * ratio)
    bottom = max(round(box.top * ratio) + 1, round(box.bottom * ratio))
    left = round(box.left * ratio)
    right = max(round(box.left * ratio) + 1, round(box.right * ratio))
    cells = (slice(top, bottom), slice(left, right))
    # Two cells larger: its outermost ones are 0, and are cut off.
    window = cv2.createHanningWindow(
        (max(2, right - left + 2), max(2, bottom - top + 2)), cv2.CV_32F
    )[1:-1, 1:-1]
    # Rounding may put the end of a part beyond the map.
    window = window[: total[cells].shape[0], : total[cells].shape[1]] + np.float32(0.05)
    total[cells] += window * np.float32(score)
    weight[cells] += window
