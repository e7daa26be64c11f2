"""Another project's ONNX file as a bundle: checked, run on the golden image, and described."""

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto

from cutout.errors import BundleError
from cutout.explain import reason
from cutout.imaging.preprocess import PreprocessSpec
from cutout.inference.golden import check_golden
from cutout.inference.manifest import MANIFEST, NAME_PATTERN, Manifest, ModelFile, OutputSpec
from cutout.inference.onnx_predictor import foreground_plane, load_predictor
from model_export.bundle.golden_image import answered_golden, golden_image, unanswered_golden
from model_export.bundle.import_spec import ImportSpec, presets_of_size
from model_export.bundle.publish import publish

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16)
QUANTISED = {
    "QuantizeLinear",
    "DynamicQuantizeLinear",
    "QLinearConv",
    "ConvInteger",
    "MatMulInteger",
}
SLACK = 0.01  # how far outside [0, 1] rounding may take an alpha
MAX_CHANNELS = 1  # of an output whose channel is not stated; of two, either may be the foreground
UNDECIDED = (0.2, 0.8)  # alphas that are all between these tell foreground from background nowhere
LFS_POINTER = b"version https://git-lfs"

Precision = Literal["float32", "float16", "uint8"]


@dataclass(frozen=True)
class Import:
    """What to import: a file, how to use it, and the name and version of the bundle."""

    file: Path
    spec: ImportSpec
    name: str
    version: str = "1.0.0"


def check_name(name: str) -> None:
    """Raise BundleError where `name` is not one that a bundle can have."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise BundleError(
            f"{name!r} is not a valid name for a model (1 to 40 lower-case letters, digits, - and "
            "_, a letter first); give --name"
        )


def import_onnx(job: Import, out: Path) -> Manifest:
    """Write the bundle `out` of an ONNX file, and return its manifest.

    The file is copied byte for byte unless its weights are in a second file. Raises BundleError,
    saying what does not fit the spec and what to change; then nothing is written.
    """
    check_name(job.name)
    _refuse_pointer(job.file)
    model = _load(job.file)
    with TemporaryDirectory() as folder:
        work = Path(folder)
        _copy(job.file, model, work / "model.onnx")
        draft = _describe(job, model, (work / "model.onnx").read_bytes())
        # before any activation: a sigmoid makes an alpha of whatever it gets
        _check_range(_raw_answer(draft, work, job.spec), job.spec)
        (work / MANIFEST).write_text(draft.model_dump_json())
        manifest = draft.model_copy(update={"golden": answered_golden(load_predictor(work))})
        (work / MANIFEST).write_text(manifest.model_dump_json())
        check_golden(load_predictor(work))
        publish([work / "model.onnx"], manifest, out)
    return manifest


def _refuse_pointer(file: Path) -> None:
    """Raise BundleError for a Git LFS pointer, which a clone may have in place of a large file."""
    if not file.is_file():
        return  # said where it is loaded
    with file.open("rb") as opened:
        beginning = opened.read(len(LFS_POINTER))
    if beginning == LFS_POINTER:
        raise BundleError(
            f"{file}: a Git LFS pointer, not the network; run `git lfs pull` where it was cloned, "
            "or download the file itself"
        )


def _load(file: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(file)
    except OSError as error:
        raise BundleError(f"{file}: {reason(error)}") from error
    except Exception as error:  # protobuf's, onnx's and the system's share no base class
        raise BundleError(f"{file}: not a readable ONNX file: {error}") from error
    if not model.graph.output:
        raise BundleError(f"{file}: not an ONNX network: it has no output")
    return model


def _copy(file: Path, model: onnx.ModelProto, target: Path) -> None:
    """Copy the file as it is, or in one piece where its weights are in a second file."""
    bare = onnx.load(file, load_external_data=False)
    if not any(tensor.data_location == TensorProto.EXTERNAL for tensor in bare.graph.initializer):
        shutil.copyfile(file, target)
        return
    try:
        onnx.save_model(model, target)
    except Exception as error:  # protobuf's and Python's, by where the limit is met
        raise BundleError(
            f"{file}: with its weights it is larger than the 2 GB of one ONNX file: {error}"
        ) from error


def _describe(job: Import, model: onnx.ModelProto, data: bytes) -> Manifest:
    """Return the manifest, without the golden result."""
    spec = job.spec
    source = _only_input(model, job.file)
    output = _chosen_output(model, job)
    precision = _precision(model)
    return Manifest(
        name=job.name,
        version=job.version,
        task="segment",
        description=spec.description,
        license=spec.license,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        preprocess=spec.preprocess,
        output=OutputSpec(
            name=output.name,
            layout=spec.output.layout,
            channel=spec.output.channel,
            activation=spec.output.activation,
        ),
        threshold=spec.threshold,
        model=ModelFile(
            sha256=hashlib.sha256(data).hexdigest(),
            bytes=len(data),
            # the domain of ONNX's own operators has two names
            opset=max(
                (entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
                default=0,
            ),
            precision=precision,
            input=source.name,
            dimensions=_dimensions(source, job),
            parameters=sum(
                prod(tensor.dims)
                for tensor in model.graph.initializer
                if tensor.data_type in FLOATS
            ),
        ),
        golden=unanswered_golden(precision),
    )


def _only_input(model: onnx.ModelProto, file: Path) -> Any:
    constants = {
        tensor.name for tensor in model.graph.initializer
    }  # old files list their weights as inputs too
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        raise BundleError(
            f"{file}: the network has {len(inputs)} inputs ({_listed(inputs)}); only one with a "
            "single input, an image, can be imported"
        )
    kind = inputs[0].type.tensor_type.elem_type
    if kind not in FLOATS:
        stated = TensorProto.DataType.Name(kind)
        raise BundleError(
            f"{file}: the input {inputs[0].name!r} is of type {stated}; supported: FLOAT, FLOAT16"
        )
    return inputs[0]


def _dimensions(source: onnx.ValueInfoProto, job: Import) -> dict[str, int]:
    """Return the sizes to which the input's named dynamic dimensions are fixed.

    Raises BundleError where a fixed dimension has another size.
    """
    stated = _shape(source)
    wanted = (1, *job.spec.preprocess.tensor_shape)
    sizes: dict[str, int] = {}
    fits = len(stated) == len(wanted)
    for dimension, size in zip(stated, wanted, strict=False):
        if isinstance(dimension, str) and dimension != "?":
            # a name that stands twice, as for height and width, must be the same size both times
            fits &= sizes.setdefault(dimension, size) == size
        elif isinstance(dimension, int):
            fits &= dimension == size
    if not fits:
        raise BundleError(
            f"{job.file}: the input {source.name!r} is {list(stated)}, the spec makes "
            f"{list(wanted)}{_remedy(stated, job.spec.preprocess)}"
        )
    return sizes


def _remedy(stated: Sequence[int | str], spec: PreprocessSpec) -> str:
    """Say what to set where the input is a square image of another size, layout or channels."""
    # 0 stands for a dynamic dimension
    fixed = [size if isinstance(size, int) else 0 for size in stated]
    for layout, channels, sides in (("NCHW", 1, (2, 3)), ("NHWC", 3, (1, 2))):
        if len(fixed) == 4 and fixed[channels] in (1, 3) and fixed[sides[0]] == fixed[sides[1]]:
            entries = {
                "layout": (layout, layout != spec.layout),
                "size": (fixed[sides[0]], fixed[sides[0]] not in (0, spec.size)),
                **_colors(fixed[channels], spec),
            }
            settings = [
                f"preprocess.{key}={value}" for key, (value, other) in entries.items() if other
            ]
            if settings:
                listed = " ".join(f"--set {setting}" for setting in settings)
                return f"{_other_presets(fixed[sides[0]], spec)}; try {listed}"
    return "; it has to be one square image of 1 or 3 channels, one at a time"


def _other_presets(side: int, spec: PreprocessSpec) -> str:
    """Name the presets of the input's size: with a wrong one, masks are wrong without an error."""
    others = [] if side == spec.size else presets_of_size(side)
    return f"; the presets of this size are {', '.join(others)}; if none is meant" if others else ""


def _colors(channels: int, spec: PreprocessSpec) -> dict[str, tuple[Any, bool]]:
    """Return, by entry, its value and whether to set it.

    A mean and std of three values are for colour only.
    """
    if channels == spec.channels:
        return {}
    several = len(spec.mean) > 1 or len(spec.std) > 1
    return {
        "color": ("gray" if channels == 1 else "rgb", True),
        "mean": ("[0.5]", several and channels == 1),
        "std": ("[0.5]", several and channels == 1),
    }


def _chosen_output(model: onnx.ModelProto, job: Import) -> Any:
    outputs = list(model.graph.output)
    choice = job.spec.output
    if choice.name is not None:
        outputs = [output for output in outputs if output.name == choice.name]
    place = 0 if choice.name is not None else choice.index
    if place >= len(outputs):
        raise BundleError(
            f"{job.file}: no output {choice.name or place!r}; there are "
            f"{_listed(model.graph.output)}: set output.name or output.index"
        )
    return outputs[place]


def _raw_answer(draft: Manifest, work: Path, spec: ImportSpec) -> Any:
    """Return the network's output (h, w) for the golden image, before any activation."""
    bare = draft.model_copy(
        update={"output": draft.output.model_copy(update={"activation": "none"})}
    )
    (work / MANIFEST).write_text(bare.model_dump_json())
    predictor = load_predictor(work)
    try:
        raw = predictor.predict(predictor.prepare(golden_image()))
    except Exception as error:  # onnxruntime's own exceptions share no base class
        raise BundleError(f"onnxruntime can't run it on the golden image: {error}") from error
    _refuse_feature_map(raw.shape, spec)
    plane = foreground_plane(raw, draft.output)
    if plane.shape[0] != plane.shape[1] or plane.shape[0] < 8:
        raise BundleError(
            f"output {draft.output.name!r} is {list(raw.shape)}, not a square alpha: set "
            "output.layout"
        )
    return plane


def _refuse_feature_map(shape: Sequence[int], spec: ImportSpec) -> None:
    """Raise BundleError for an output of many channels, unless the spec says which one to take."""
    if len(shape) != 4 or "channel" in spec.output.model_fields_set:
        return
    channels = shape[1] if spec.output.layout == "NCHW" else shape[3]
    if channels > MAX_CHANNELS:
        raise BundleError(
            f"the output is {list(shape)}, {channels} channels in {spec.output.layout}: features "
            "of the network and no alpha, or another layout. Set output.index, output.name or "
            "output.layout; if one of the channels is the foreground, set output.channel"
        )


def _check_range(values: Any, spec: ImportSpec) -> None:
    """Raise BundleError for values that are not an alpha, or that the spec reads wrongly."""
    if not np.isfinite(values).all():
        raise BundleError(
            "the golden image gives NaN or infinite values: check preprocess.scale, mean and std"
        )
    low, high = float(values.min()), float(values.max())
    found = f"the golden image gives values from {low:.3g} to {high:.3g}"
    if low >= -SLACK and high <= 1 + SLACK:
        if spec.output.activation == "sigmoid":
            raise BundleError(
                f"{found}: an alpha already, which a sigmoid would squash to .5 and above; "
                "--set output.activation=none"
            )
        return
    if low >= -SLACK or _is_undecided(values):
        raise BundleError(
            f"{found}: neither an alpha in [0, 1] nor the logits of one; choose another output by "
            "output.index or output.name"
        )
    if spec.output.activation == "none":
        raise BundleError(
            f"{found}, not an alpha in [0, 1]: for logits --set output.activation=sigmoid"
        )


def _is_undecided(values: Any) -> bool:
    """Tell whether a sigmoid makes neither foreground nor background of any of the values."""
    alpha = 1 / (1 + np.exp(-values.astype(np.float64)))
    return bool(UNDECIDED[0] < alpha.min() and alpha.max() < UNDECIDED[1])


def _precision(model: onnx.ModelProto) -> Precision:
    if any(node.op_type in QUANTISED for node in model.graph.node):
        return "uint8"
    halves = sum(
        prod(t.dims) for t in model.graph.initializer if t.data_type == TensorProto.FLOAT16
    )
    singles = sum(prod(t.dims) for t in model.graph.initializer if t.data_type == TensorProto.FLOAT)
    half = (
        model.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT16 or halves > singles
    )
    return "float16" if half else "float32"


def _shape(value: onnx.ValueInfoProto) -> tuple[int | str, ...]:
    """Return the sizes, the names of dynamic dimensions, and `?` for one without a name."""
    dimensions = value.type.tensor_type.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dimensions)


def _listed(values: Sequence[onnx.ValueInfoProto]) -> str:
    return ", ".join(f"{value.name} {list(_shape(value))}" for value in values) or "none"
