"""How to run another project's network and read its output: a preset, or a TOML or JSON file."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cutout.errors import DataError
from cutout.explain import in_words, reason
from cutout.imaging.preprocess import PreprocessSpec
from model_export.config import override

PRESETS = Path(__file__).parent / "presets.toml"
NOT_STATED = "Not stated at import. Weights have terms of their own: clear them before any use."


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OutputChoice(_Strict):
    """The output of the file that holds the alpha, and what its values are."""

    # --set output.name=1890 is a number to TOML, and an output's name to some networks
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)

    index: int = Field(0, ge=0, description="place among the outputs")
    name: str | None = Field(None, description="by name instead")
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    channel: int = Field(0, ge=0, description="the channel that holds the foreground")
    activation: Literal["none", "sigmoid"] = Field(
        "none", description="sigmoid where the file gives logits"
    )


class ImportSpec(_Strict):
    """Everything that the server has to know of another project's network."""

    description: str
    license: str = NOT_STATED
    preprocess: PreprocessSpec
    output: OutputChoice = OutputChoice()
    threshold: float = Field(0.5, gt=0, lt=1)


def read_spec(preset: str | None, file: Path | None, overrides: Sequence[str] = ()) -> ImportSpec:
    """Read the spec of a preset or of a file, with overrides `section.key=value` as in TOML.

    Raises DataError for an unknown preset, and, naming the file and the key, for anything unknown
    or out of range.
    """
    if (preset is None) == (file is None):
        raise DataError("give either --preset NAME or --spec FILE")
    values = _preset(preset) if preset else _read(Path(str(file)))
    try:
        for text in overrides:
            override(values, text)
        return ImportSpec.model_validate(values)
    except ValidationError as error:
        raise DataError(f"{file or preset}:\n{in_words(error, ImportSpec)}") from error


def preset_names() -> list[str]:
    """Return the names of all presets, sorted."""
    return sorted(
        name for key, entry in _presets().items() for name in (key, *entry.get("also", ()))
    )


def presets_of_size(side: int) -> list[str]:
    """Return the names of the presets whose networks take square images of `side` pixels."""
    return [key for key, entry in _presets().items() if entry["preprocess"]["size"] == side]


def _preset(name: str) -> dict[str, Any]:
    for key, entry in _presets().items():
        # taken out, as a spec refuses what it does not know
        others = entry.pop("also", ())
        if name in (key, *others):
            return entry
    raise DataError(f"no preset {name!r}; there are {', '.join(preset_names())}; or write a --spec")


def _presets() -> dict[str, dict[str, Any]]:
    return tomllib.loads(PRESETS.read_text())


def _read(file: Path) -> dict[str, Any]:
    try:
        values = (
            json.loads(file.read_text())
            if file.suffix == ".json"
            else tomllib.loads(file.read_text())
        )
    except OSError as error:
        raise DataError(f"{file}: {reason(error)}") from error
    except ValueError as error:  # both decoders'
        raise DataError(f"{file}: not a readable TOML or JSON file: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{file}: expected a table at the top")
    return values
