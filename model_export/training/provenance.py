"""The provenance of a network: its images and their terms, its config, its code and libraries."""

import platform
import subprocess
import tomllib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cutout.errors import DataError
from cutout.explain import reason
from cutout.inference.manifest import DataSet, TrainingRecord
from cutout.system.files import replace
from model_export.config import LICENSES, Start, TrainConfig
from model_export.data.dataset import Pair, fingerprint, select
from model_export.data.pairs import find_scenery
from model_export.training.run_folder import PROVENANCE

LIBRARIES = (
    "tensorflow-cpu",
    "tensorflow",
    "keras",
    "tf2onnx",
    "onnx",
    "onnxruntime",
    "numpy",
    "opencv-python-headless",
)
NOT_STATED = "not stated"
GENERAL_TERMS = (
    "The terms of the training images apply; the manifest lists them under training.sets."
)


Terms = Literal["open", "restricted", "unclear"]


@dataclass(frozen=True)
class Licenses:
    """The terms of the weights, and of each set by name."""

    weights: str
    sets: dict[str, str]
    open: frozenset[str] = frozenset()
    restricted: frozenset[str] = frozenset()

    def terms_of(self, name: str) -> Terms:
        """Return whether a set states open terms, restricted ones, or none that are clear."""
        if name in self.open:
            return "open"
        return "restricted" if name in self.restricted else "unclear"


def read_licenses(path: Path = LICENSES) -> Licenses:
    """Read a TOML file: `weights = "terms"` and a table `[sets]` of name = "terms".

    `open` and `restricted` may list sets whose terms are so. Raises DataError for anything else.
    """
    try:
        values = tomllib.loads(path.read_text())
        return Licenses(
            str(values["weights"]),
            {str(name): str(terms) for name, terms in values["sets"].items()},
            frozenset(values.get("open", ())),
            frozenset(values.get("restricted", ())),
        )
    except OSError as error:
        raise DataError(f"{path}: {reason(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path}: expected weights = '...' and a [sets] table of name = 'terms': {error}"
        ) from error


class RunStart(BaseModel):
    """What a run began with, `provenance.json` in its directory.

    It may be exported later, by newer code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code_version: str
    fingerprint: str
    libraries: dict[str, str]
    images: dict[str, int] = {}
    """How many images of each set are trained on and validated with."""
    teachers: dict[str, str] = {}
    """The network that made the masks of a set, and its terms."""


def record_start(pairs: Sequence[Pair], out: Path, resume: bool) -> None:
    """Record in the run's directory `out` what it begins with; a resumed run keeps its record.

    `pairs` must be all that there are.
    """
    if not resume:
        text = run_start(pairs).model_dump_json(indent=2)
        replace(out / PROVENANCE, lambda path: path.write_text(text + "\n"))


def run_start(pairs: Sequence[Pair]) -> RunStart:
    """Return the code and libraries as they are now, and the fingerprint of the training images.

    `pairs` must be all that there are.
    """
    seen = _seen(pairs)
    return RunStart(
        code_version=code_version(),
        fingerprint=fingerprint(seen),
        libraries={"python": platform.python_version(), **_versions()},
        images=dict(Counter(pair.set for pair in seen)),
        teachers=teachers_of(seen),
    )


def teachers_of(pairs: Sequence[Pair]) -> dict[str, str]:
    """Return the sets whose masks a network made, each with that network's name and terms."""
    return {
        pair.set: f"{pair.taught.teacher} ({pair.taught.teacher.sha256[:12]}): "
        f"{pair.taught.teacher.license}"
        for pair in pairs
        if pair.taught
    }


def training_record(
    config: TrainConfig,
    pairs: Sequence[Pair],
    root: Path,
    licenses: Licenses,
    run: Path | None = None,
) -> TrainingRecord:
    """Return the record of a training with `config` on `pairs` of `root`, for a manifest.

    `pairs` must be all that there are; images of training and validation are recorded. Code,
    libraries and fingerprint are those that the directory `run` says it began with, else those of
    now. Raises DataError where its record is invalid.
    """
    seen = _seen(pairs)
    start = noted(run) or run_start(pairs)
    counts = Counter(pair.set for pair in seen)
    if config.augment and (config.augment.paste or config.augment.empty):
        counts.update(_scenery(root))
    teachers = teachers_of(seen)
    return TrainingRecord(
        sets=tuple(
            DataSet(
                name=name,
                images=count,
                license=licenses.sets.get(name, NOT_STATED),
                terms=licenses.terms_of(name),
                masks_by=teachers.get(name),
            )
            for name, count in sorted(counts.items())
        )
        + (config.start.kept + config.start.sets if config.start else ()),
        fingerprint=start.fingerprint,
        config=config.model_dump(mode="json"),
        code_version=start.code_version,
        libraries=start.libraries,
        exported_by=code_version(),
    )


def weights_license(record: TrainingRecord, licenses: Licenses, start: Start | None = None) -> str:
    """Return the terms of the weights: stated ones if every set is known, else a general sentence.

    Fine-tuned weights are under the terms of those they started from too, and labels of a teacher
    may be under the teacher's.
    """
    own = _own_terms(record, licenses, start)
    taught = sorted({entry.masks_by for entry in record.sets if entry.masks_by})
    # a teacher of the start too is named in its terms already
    new = [teacher for teacher in taught if teacher not in own]
    return f"{own.removesuffix('.')}. Taught by {'; '.join(new)}." if new else own


def _own_terms(record: TrainingRecord, licenses: Licenses, start: Start | None) -> str:
    seen_by_start = f"{start.name}/" if start else NOT_STATED
    own = [entry.name for entry in record.sets if not entry.name.startswith(seen_by_start)]
    terms = licenses.weights if all(name in licenses.sets for name in own) else GENERAL_TERMS
    if start is None:
        return terms
    of_start = start.license.removeprefix(terms).removeprefix(GENERAL_TERMS).strip()
    return (
        f"{terms} Fine-tuned from {start.name} {start.version}, whose terms go on applying: "
        f"{of_start or NOT_STATED}"
    )


def code_version() -> str:
    """Return the commit of the code, or `unknown` outside a repository."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--tags"]
        # in this code's repository, wherever the command was called
        done = subprocess.run(  # noqa: S603 - no input of a user
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _seen(pairs: Sequence[Pair]) -> list[Pair]:
    return [*select(pairs, "train"), *select(pairs, "validation")]


def _versions() -> dict[str, str]:
    versions = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):  # TensorFlow goes by several names
            versions[name] = version(name)
    return versions


def noted(run: Path | None) -> RunStart | None:
    """Read what a run's directory says it began with; None where it says nothing.

    Raises DataError where its record is invalid.
    """
    if run is None or not (run / PROVENANCE).is_file():
        return None
    try:
        return RunStart.model_validate_json((run / PROVENANCE).read_bytes())
    except ValidationError as error:
        raise DataError(f"{run / PROVENANCE}: {error}") from error


def _scenery(root: Path) -> Counter[str]:
    """Count the cut-outs and backgrounds that were pasted, by folder."""
    counts: Counter[str] = Counter()
    for kind in ("cutouts", "backgrounds"):
        counts.update(f"{kind}/{path.parent.name}" for path in find_scenery(root / kind))
    return counts
