"""Where a network comes from: its pictures and their terms, its config, the code and libraries that made it."""

import subprocess
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from app.errors import DataError
from app.inference.manifest import DataSet, TrainingRecord
from model_export.config import LICENSES, TrainConfig
from model_export.data import Pair, fingerprint, select

LIBRARIES = ("tensorflow-cpu", "keras", "tf2onnx", "onnx", "onnxruntime", "numpy", "opencv-python-headless")
NOT_STATED = "not stated"
GENERAL_TERMS = "The terms of the training pictures apply; the manifest lists them under training.sets."


@dataclass(frozen=True)
class Licenses:
    """The terms of the weights, and of each set by name."""

    weights: str
    sets: dict[str, str]


def read_licenses(path: Path = LICENSES) -> Licenses:
    """A TOML file: `weights = "terms"` and a table `[sets]` of name = "terms". Raises DataError for anything else."""
    try:
        values = tomllib.loads(path.read_text())
        return Licenses(str(values["weights"]), {str(name): str(terms) for name, terms in values["sets"].items()})
    except (OSError, tomllib.TOMLDecodeError, KeyError, AttributeError) as error:
        raise DataError(f"{path}: expected weights = '...' and a [sets] table of name = 'terms': {error}") from error


def training_record(config: TrainConfig, pairs: Sequence[Pair], root: Path, licenses: Licenses) -> TrainingRecord:
    """What a network trained with `config` on `pairs` (all splits) of `root` saw: training and validation pictures."""
    seen = [*select(pairs, "train"), *select(pairs, "validation")]
    counts = Counter(pair.set for pair in seen)
    if config.augment and (config.augment.paste or config.augment.empty):
        counts.update(_scenery(root))
    return TrainingRecord(
        sets=tuple(
            DataSet(name=name, pictures=count, license=licenses.sets.get(name, NOT_STATED))
            for name, count in sorted(counts.items())
        ),
        fingerprint=fingerprint(seen),
        config=config.model_dump(mode="json"),
        code_version=code_version(),
        libraries={name: version(name) for name in LIBRARIES},
    )


def weights_license(record: TrainingRecord, licenses: Licenses) -> str:
    """The stated terms where every set is known, a general sentence where the user's own sets are among them."""
    return licenses.weights if all(entry.name in licenses.sets for entry in record.sets) else GENERAL_TERMS


def code_version() -> str:
    """The commit of the code, or `unknown` outside a repository."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--tags"]
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True)  # noqa: S603 - no input of a user
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _scenery(root: Path) -> Counter[str]:
    """Cut-outs and backgrounds that were pasted, by folder."""
    counts: Counter[str] = Counter()
    for kind in ("cutouts", "backgrounds"):
        counts.update(f"{kind}/{path.parent.name}" for path in (root / kind).glob("*/*") if path.is_file())
    return counts
