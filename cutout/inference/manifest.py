"""The manifest of a bundle, `manifest.json`: written by the exporter, read by the server."""

import base64
import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cutout.errors import BundleError
from cutout.explain import explain_all, reason
from cutout.imaging.preprocess import PreprocessSpec

MANIFEST = "manifest.json"
NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,39}$"  # of a bundle's name


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PartsSpec(_Strict):
    """How a classifier is moved over an image.

    `sizes` are the sides of square parts, as shares of the image's shorter side.
    """

    sizes: tuple[float, ...] = Field(min_length=1)
    stride: float = Field(
        gt=0, le=1, description="step between parts, as a fraction of a part's side"
    )


class OutputSpec(_Strict):
    """The output that holds the alpha, and where in it.

    Its shape is (1, S, S, C), (1, C, S, S), (1, S, S) or (S, S).
    """

    name: str
    layout: Literal["NHWC", "NCHW"] = Field(
        "NHWC", description="order of the axes, if there are four"
    )
    channel: int = Field(0, ge=0, description="the channel that holds the foreground")
    activation: Literal["none", "sigmoid", "minmax"] = Field(
        "none",
        description="maps the output to an alpha in [0, 1]; none if the network does so itself",
    )


class ModelFile(_Strict):
    """The network's file: its checksum and size in bytes, and how onnxruntime is to run it."""

    file: Literal["model.onnx"] = "model.onnx"
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    bytes: int = Field(gt=0)
    opset: int
    precision: Literal["float32", "float16", "uint8"] = Field(
        description="uint8: quantised to 8 bits"
    )
    input: str
    dimensions: dict[str, int] = Field(
        {}, description="the input's dynamic dimensions by name, fixed to these sizes"
    )
    parameters: int | None = None


class DataSet(_Strict):
    """A set of training images, with its licence and terms."""

    name: str
    images: int
    license: str
    terms: Literal["open", "restricted", "unclear"] | None = Field(
        None,
        description="open: CC0, CC BY, MIT and their like; restricted: research or non-commercial "
        "use; unclear: not stated, not verified or mixed",
    )
    masks_by: str | None = Field(
        None, description="the network that made its masks, and its terms; absent where people did"
    )


class TrainingRecord(_Strict):
    """Everything that is needed to repeat the training."""

    sets: tuple[DataSet, ...]
    fingerprint: str = Field(description="sha256 over the names and contents of all training files")
    config: dict[str, Any]
    code_version: str
    libraries: dict[str, str]
    exported_by: str | None = Field(
        None, description="version of the code that converted and measured it"
    )


class Parity(_Strict):
    """How much onnxruntime differs from Keras on the same inputs, before quantisation."""

    samples: int
    max_difference: float
    tolerance: float


class Golden(_Strict):
    """A golden sample: a small image and its expected result, checked before the server starts."""

    model_config = ConfigDict(allow_inf_nan=False)

    image: str = Field(description="a PNG, base64")
    expected: tuple[float, ...] = Field(
        description="classifier: the probability; segmenter: the alpha averaged over an 8x8 grid, "
        "row by row"
    )
    tolerance: float = Field(gt=0)

    def png(self) -> bytes:
        """Return the bytes of the image. Raises ValueError where the text is not base64."""
        return base64.b64decode(self.image)


class Manifest(_Strict):
    """Everything that is known of a bundle: preprocessing, network, training, quality."""

    schema_version: Literal[1] = 1
    name: str = Field(pattern=NAME_PATTERN)
    version: str
    task: Literal["classify", "segment"]
    description: str
    license: str = Field(description="the terms of the weights, in plain words")
    created: str = Field(description="UTC, ISO 8601")
    preprocess: PreprocessSpec
    output: OutputSpec
    threshold: float = Field(0.5, gt=0, lt=1)
    parts: PartsSpec | None = None
    model: ModelFile
    training: TrainingRecord | None = None
    quality: dict[str, dict[str, float]] = Field(
        {}, description="set -> measure -> value, on images not seen"
    )
    quality_float32: dict[str, dict[str, float]] | None = Field(
        None, description="the same before quantisation"
    )
    parity: Parity | None = None
    golden: Golden

    @model_validator(mode="after")
    def _classifiers_have_parts(self) -> "Manifest":
        if (self.task == "classify") != (self.parts is not None):
            raise ValueError("`parts` is required for classifiers, and not allowed for others")
        return self


def read_manifest(bundle: Path) -> Manifest:
    """Read a bundle's manifest, and check it and the sha256 of the model file.

    Raises BundleError where a file is missing, the manifest is invalid or the sha256 differs.
    """
    try:
        manifest = Manifest.model_validate_json((bundle / MANIFEST).read_bytes())
    except OSError as error:
        raise BundleError(f"cannot read {bundle / MANIFEST}: {reason(error)}") from error
    except ValidationError as error:
        raise BundleError(f"{bundle / MANIFEST}: {explain_all(error)}") from error
    model = bundle / manifest.model.file
    if not model.is_file():
        raise BundleError(f"{model} is missing")
    with model.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != manifest.model.sha256:
        raise BundleError(
            f"{model} is corrupt, or does not belong to its manifest: its sha256 is {digest}, "
            f"the manifest says {manifest.model.sha256}"
        )
    return manifest


def find_bundles(directory: Path) -> list[Path]:
    """Find every bundle in a directory, sorted by name; the directory itself if it is a bundle."""
    if (directory / MANIFEST).is_file():
        return [directory]
    # By name, as the first of a task becomes its default (`Registry`).
    return sorted(path.parent for path in directory.glob(f"*/{MANIFEST}"))
