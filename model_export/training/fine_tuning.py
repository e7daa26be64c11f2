"""The network that fine-tuning (`train --from`) starts from."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from cutout.errors import DataError
from cutout.explain import in_words
from cutout.inference.manifest import MANIFEST, DataSet, Manifest
from model_export.config import RUN_CONFIG, Start, TrainConfig, read_run_config
from model_export.training.provenance import NOT_STATED, noted
from model_export.training.run_folder import MODEL

OWN_TERMS = "trained with this code; the terms of its images apply"


@dataclass(frozen=True)
class Origin:
    """A trained network to continue with: its saved weights, and the config of their training."""

    keras_file: Path
    config: TrainConfig


def find_origin(path: Path) -> Origin:
    """Find the network in a bundle's directory, a run's directory, or a .keras file in either.

    Its config carries `start`, which says what the weights have seen. Raises DataError where there
    is no saved network, or nothing that says how it was trained.
    """
    keras_file = path if path.suffix == ".keras" else path / MODEL
    folder = keras_file.parent
    if not keras_file.is_file():
        if (folder / MANIFEST).is_file():
            raise DataError(
                f"{folder}: has no {MODEL}, as networks that were imported have none: only "
                "networks that were trained here can be fine-tuned"
            )
        raise DataError(
            f"{keras_file}: no such saved network; give a bundle with its {MODEL}, a run, or a "
            ".keras file"
        )
    if (folder / MANIFEST).is_file():
        config, start = _of_bundle(folder / MANIFEST, keras_file)
    elif (folder / RUN_CONFIG).is_file():
        config = read_run_config(folder)
        start = Start(
            name=config.name,
            version="unreleased",
            sha256=_sha256(keras_file),
            license=OWN_TERMS if config.start is None else config.start.license,
            sets=_sets_of_run(config, folder),
        )
    else:
        raise DataError(
            f"{folder}: neither {MANIFEST} nor {RUN_CONFIG} beside {keras_file.name} says what "
            "network it is"
        )
    seen = () if config.start is None else config.start.sets
    return Origin(
        keras_file,
        config.model_copy(update={"start": start.model_copy(update={"sets": start.sets + seen})}),
    )


def _of_bundle(path: Path, keras_file: Path) -> tuple[TrainConfig, Start]:
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
        if manifest.training is None:
            raise DataError(
                f"{path}: this network was not trained here; only networks trained with "
                "model_export can be fine-tuned"
            )
        config = TrainConfig.model_validate_json(json.dumps(manifest.training.config))
    except ValidationError as error:
        raise DataError(
            f"{path}: not a bundle of this version:\n{in_words(error, Manifest)}"
        ) from error
    start = Start(
        name=manifest.name,
        version=manifest.version,
        sha256=_sha256(keras_file),
        license=manifest.license,
        sets=_sets_of_bundle(manifest.name, manifest.training.sets),
    )
    # The manifest's sets hold what the start's own start had seen already.
    return config.model_copy(update={"start": None}), start


def _sets_of_bundle(name: str, sets: Sequence[DataSet]) -> tuple[DataSet, ...]:
    """Return the sets that a bundle has seen, under its name.

    One that its own start, of the same name, had seen too is the same set.
    """
    seen: dict[str, DataSet] = {}
    for entry in sets:
        known = f"{name}/{entry.name.removeprefix(f'{name}/')}"
        if known not in seen or entry.images > seen[known].images:
            seen[known] = entry.model_copy(update={"name": known})
    return tuple(seen.values())


def _sets_of_run(config: TrainConfig, folder: Path) -> tuple[DataSet, ...]:
    """Return the sets that a run which was not exported saw beside its start's."""
    beginning = noted(folder)
    own = {} if beginning is None else beginning.images
    teachers = {} if beginning is None else beginning.teachers
    sets = tuple(
        DataSet(
            name=f"{config.name}/{name}",
            images=count,
            license=NOT_STATED,
            masks_by=teachers.get(name),
        )
        for name, count in sorted(own.items())
    )
    return sets + (() if config.start is None else config.start.kept)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
