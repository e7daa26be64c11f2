"""The model card of a bundle, `README.md` beside its manifest, from which all of it comes.

After Mitchell et al., Model Cards for Model Reporting (FAT* 2019).
"""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cutout.inference.manifest import DataSet, Manifest, TrainingRecord
from cutout.system.files import replace
from model_export.quality.evaluate import OVERALL

CARD = "README.md"
WEAK = 3  # sets named as the weakest

USE = {
    "segment": "Finding what stands out in a photograph and giving an alpha for it, so that the "
    "background can be removed or replaced: `POST /cutout` and `POST /mask`. Where a "
    "mistake would cost something, a person should look at the result.",
    "classify": "Telling whether an image, or a part of it, shows foreground: `POST /predict`. "
    "Scored over an image's parts it gives a coarse alpha, for a first look and for "
    "teaching; for cut-outs use a segmenter.",
}
LIMITS = {
    "segment": (
        (
            "One alpha for all that stands out: objects are not told apart, and which of several "
            "is meant is not known."
        ),
        (
            "Soft and thin things (hair, glass, smoke, spokes) come out soft or too solid, not "
            "strand by strand."
        ),
    ),
    "classify": (
        (
            "It sees a small grey square: no colour, no fine texture, nothing of the rest of the "
            "image."
        ),
        "Its coarse alpha has no exact edges.",
    ),
}
UNTESTED = (
    "Images unlike those that it was trained on are untested: medical, aerial and document images "
    "among them."
)
NOT_FOR = (
    "Not for recognising, following or judging people, nor where safety depends on the answer."
)
MEASURES = {
    "images": "images",
    "parts": "parts",
    "iou": "IoU",
    "max_f": "max F",
    "mae": "MAE",
    "s_measure": "S-measure",
    "balanced_accuracy": "balanced accuracy",
    "auc": "AUC",
    "precision": "precision",
    "recall": "recall",
    "loss": "loss",
}
TERMS = {
    "open": "state open terms (CC0, CC BY, MIT and their like)",
    "restricted": "allow research or non-commercial use only",
    "unclear": "state none, or none that is clear",
}
COUNTS = frozenset({"images", "parts"})
MAIN_MEASURE = {"segment": "iou", "classify": "balanced_accuracy"}


def write_card(manifest: Manifest, bundle: Path) -> Path:
    """Write the card of a manifest into the directory `bundle`; return its path."""
    replace(bundle / CARD, lambda path: path.write_text(card(manifest)))
    return bundle / CARD


def card(manifest: Manifest) -> str:
    """Return the card of a manifest as Markdown."""
    sections = [
        f"# {manifest.name} {manifest.version}\n\n{manifest.description}",
        f"## Intended use\n\n{USE[manifest.task]}",
        _limits(manifest),
        f"## Licence\n\n{manifest.license}",
        _quality(manifest),
        *([_data(manifest.training)] if manifest.training else []),
        _file(manifest),
        *([_provenance(manifest.training)] if manifest.training else []),
    ]
    return (
        "\n\n".join(sections)
        + "\n\n<sub>Written from `manifest.json` by `python -m model_export card`.</sub>\n"
    )


def _limits(manifest: Manifest) -> str:
    lines = [*LIMITS[manifest.task], UNTESTED, NOT_FOR]
    weakest = _weakest(manifest)
    if weakest:
        lines.insert(0, f"Weakest where measured: {weakest}.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _weakest(manifest: Manifest) -> str:
    key = MAIN_MEASURE[manifest.task]
    sets = {
        name: values
        for name, values in manifest.quality.items()
        if name != OVERALL and key in values
    }
    if len(sets) <= WEAK:
        return ""
    ranked = sorted(sets, key=lambda name: sets[name][key])[:WEAK]
    return ", ".join(f"{name} ({MEASURES[key]} {sets[name][key]:.3f})" for name in ranked)


def _quality(manifest: Manifest) -> str:
    if not manifest.quality:
        return "## Quality\n\nNot measured."
    columns = [
        key for key in MEASURES if any(key in values for values in manifest.quality.values())
    ]
    rows = [
        [
            f"**{name}**" if name == OVERALL else name,
            *(_cell(key, values.get(key)) for key in columns),
        ]
        for name, values in manifest.quality.items()
    ]
    text = (
        "## Quality\n\nMeasured through onnxruntime, as served, on the images that training kept "
        "aside.\n\n" + _table(["set", *(MEASURES[key] for key in columns)], rows)
    )
    before = (manifest.quality_float32 or {}).get(OVERALL)
    if before:
        key = MAIN_MEASURE[manifest.task]
        after = manifest.quality[OVERALL][key]
        text += (
            f"\n\nQuantised to 8 bits; {MEASURES[key]} before {before[key]:.3f}, after {after:.3f}."
        )
    return text


def _data(training: TrainingRecord) -> str:
    rows = [
        [entry.name, str(entry.images), entry.license, entry.masks_by or _by_whom(entry.name)]
        for entry in training.sets
    ]
    taught = any(entry.masks_by for entry in training.sets)
    columns = ["set", "images", "terms", *(["masks by"] if taught else [])]
    own = [entry for entry in training.sets if not _is_of_start(entry.name, training)]
    total = sum(entry.images for entry in own)
    before = sum(entry.images for entry in training.sets) - total
    start = (
        f" The network that it started from had seen {before:,}, among them perhaps the same."
        if before
        else ""
    )
    return (
        f"## Training data\n\n{total:,} images for training and validation. They are not in this "
        "bundle. Their terms, as their origins state them, apply to them and may reach to what "
        f"was learned from them.{_by_terms(own)}{start}\n\n"
        + _table(columns, [row[: len(columns)] for row in rows])
    )


def _by_whom(name: str) -> str:
    """Return who made the masks of a set: nobody, where it is backgrounds to paste on."""
    return "–" if {"backgrounds", "imagenet"} & set(name.split("/")) else "people"


def _is_of_start(name: str, training: TrainingRecord) -> bool:
    """Tell whether a set is listed because the network that training started from had seen it."""
    start = training.config.get("start")
    return start is not None and name.startswith(f"{start['name']}/")


def _by_terms(sets: Sequence[DataSet]) -> str:
    """Count the images that state open terms; nothing where an older manifest does not say."""
    counts = Counter[str]()
    for entry in sets:
        counts[entry.terms or ""] += entry.images
    if not counts or "" in counts:
        return ""
    return " Of them " + "; ".join(f"{counts[kind]:,} {TERMS[kind]}" for kind in TERMS) + "."


def _file(manifest: Manifest) -> str:
    model = manifest.model
    spec = manifest.preprocess
    rows = [
        [
            "file",
            (
                f"`{model.file}`, {model.bytes / 1e6:.2f} MB, {model.precision}, ONNX opset "
                f"{model.opset}"
            ),
        ],
        ["sha256", f"`{model.sha256}`"],
        ["parameters", f"{model.parameters:,}" if model.parameters else "not known"],
        [
            "input",
            (
                f"{spec.size} x {spec.size} x {spec.channels}, {spec.color}, fit by {spec.fit}, "
                f"scale {spec.scale}"
            ),
        ],
        ["threshold", f"{manifest.threshold:g}"],
    ]
    if manifest.parity:
        parity = manifest.parity
        difference = (
            f"at most {parity.max_difference:.1e} over {parity.samples} samples, before quantising"
        )
        rows.append(["difference from Keras", difference])
    return "## The file\n\n" + _table(["", ""], rows)


def _provenance(training: TrainingRecord) -> str:
    rows = [
        *(
            [["started from", _start(training.config["start"])]]
            if training.config.get("start")
            else []
        ),
        ["trained by", _versions(training)],
        ["seed", str(training.config.get("training", {}).get("seed", "not recorded"))],
        ["data fingerprint", f"`{training.fingerprint}`"],
        [
            "libraries",
            ", ".join(f"{name} {version}" for name, version in training.libraries.items()),
        ],
    ]
    config = json.dumps(training.config, indent=2)
    return (
        "## Provenance\n\n" + _table(["", ""], rows) + "\n\n<details><summary>The whole "
        f"configuration</summary>\n\n```json\n{config}\n```\n\n</details>"
    )


def _start(start: dict[str, Any]) -> str:
    return f"{start['name']} {start['version']}, weights `{start['sha256']}`"


def _versions(training: TrainingRecord) -> str:
    trained = f"code `{training.code_version}`"
    if training.exported_by in (None, training.code_version):
        return trained
    return f"{trained}, exported by `{training.exported_by}`"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if key in COUNTS else f"{value:.3f}"
