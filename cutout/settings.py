"""Settings of the engine from the environment, `CUTOUT_…`, for the command line and the service."""

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cutout.explain import explain

_HERE = Path(__file__).parent
SHIPPED_MODELS = _HERE / "bundles" if (_HERE / "bundles").is_dir() else _HERE.parent / "models"
"""The bundles that come with the package: inside it in a wheel, beside it in a clone."""

MAX_FRAMES = 300
"""Frames of an animation; of 300x200 pixels each, they take about 12 s on one core."""

Provider = Literal["cpu", "cuda", "tensorrt", "openvino", "migraphx"]
S = TypeVar("S", bound=BaseSettings)


def split(value: object) -> object:
    """Split text at commas into a tuple; pass on any other value.

    Raises ValueError for text with nothing but commas and spaces.
    """
    if not isinstance(value, str):
        return value
    entries = tuple(filter(None, map(str.strip, value.split(","))))
    if value and not entries:  # a server meant to need keys must not start without
        raise ValueError("the list is empty; unset the variable instead")
    return entries


class EngineSettings(BaseSettings):
    """Settings of the engine: which models are loaded, and how they run.

    An empty variable counts as unset.
    """

    model_config = SettingsConfigDict(
        env_prefix="CUTOUT_",
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        allow_inf_nan=False,
    )

    models: Path = Field(
        # Defaults from factories are not shown in the help: this one is a path of one machine.
        default_factory=lambda: SHIPPED_MODELS,
        description="directory of bundles, or one bundle; if unset, the shipped ones",
    )
    default_model: str | None = Field(
        None,
        description="model of `POST /cutout` and `/mask`; if unset, the first segmenter by name",
    )
    # 1 << 28 is OpenCV's own limit, as `cutout` sets it.
    max_pixels: int = Field(
        64_000_000, ge=64, le=1 << 28, description="largest image, pixels, by its header; then 413"
    )
    max_frames: int = Field(
        MAX_FRAMES,
        ge=1,
        le=100_000,
        description="most frames of an animation with `frames=all`; together they may have "
        "`CUTOUT_MAX_PIXELS`; then 413",
    )
    intra_op_threads: int = Field(
        1, ge=1, le=256, description="threads of onnxruntime for one image"
    )
    # Without NoDecode, pydantic-settings would parse the variable of a tuple as JSON.
    providers: Annotated[tuple[Provider, ...], NoDecode] = Field(
        ("cpu",),
        min_length=1,
        description="onnxruntime's execution providers, separated by commas, preferred first: "
        "`cpu`, `cuda`, `tensorrt`, `openvino`, `migraphx`; the server does not start without one",
    )

    @field_validator("providers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split(value)


def variable(name: str) -> str:
    """Return the name of a setting's environment variable."""
    return f"CUTOUT_{name.upper()}"


def read_settings(kind: type[S]) -> S:
    """Read settings of that class from the environment.

    Exits with status 2 where one is invalid, after a line for each on standard error.
    """
    try:
        return kind()
    except ValidationError as error:
        # A list has an error for each of its entries; one line a setting is enough.
        first: dict[str, ErrorDetails] = {}
        for item in error.errors():
            first.setdefault(str(item["loc"][0]), item)
        for name, item in first.items():
            print(f"cutout: {variable(name)}: {explain(item)}", file=sys.stderr)
        raise SystemExit(2) from None
