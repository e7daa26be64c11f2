"""What `export` made, and how it tells: as text, and as one JSON object."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.inference.manifest import Manifest
from model_export.card import COUNTS, MEASURES
from model_export.evaluate import OVERALL
from model_export.words import table

PRECISIONS = {"float32": "float32", "uint8": "8 bits"}
MOST_LOST = 0.005  # of max F: what quantisation may cost before float32 is shipped instead


@dataclass(frozen=True)
class Exported:
    """The manifest of the bundle that was written, and those of all that was measured for it: float32, then 8 bits."""

    manifest: Manifest
    measured: tuple[Manifest, ...]


def lost(measured: Sequence[Manifest]) -> float:
    """What the last of them costs of the first one's max F; 0 for a classifier, which has none."""
    first, last = (manifest.quality[OVERALL].get("max_f", 0.0) for manifest in (measured[0], measured[-1]))
    return first - last


def as_text(exported: Exported, out: Path) -> str:
    """What was measured, in float32 and in 8 bits, which of it was taken, where it is and how to serve it."""
    title = f"test split, {exported.manifest.quality[OVERALL]['pictures']:.0f} pictures"
    columns = {"megabytes": "MB", **{key: name for key, name in MEASURES.items() if key not in COUNTS}}
    rows = [
        (PRECISIONS[each.model.precision], {"megabytes": each.model.bytes / 1e6, **each.quality[OVERALL]})
        for each in exported.measured
    ]
    bundle = f"{exported.manifest.name} {exported.manifest.version}, {PRECISIONS[exported.manifest.model.precision]}"
    return "\n".join(
        [
            table(title, columns, rows),
            *_choice(exported),
            f"bundle: {out} ({bundle})",
            f"serve it: CUTOUT_MODELS={shlex.quote(str(out))} make serve",
        ]
    )


def as_json(exported: Exported, out: Path) -> dict[str, Any]:
    """One JSON-ready object; `measured` has the figures by precision."""
    return {
        "bundle": str(out),
        "model": exported.manifest.model.model_dump(),
        "quality": exported.manifest.quality[OVERALL],
        "measured": {each.model.precision: each.quality[OVERALL] for each in exported.measured},
    }


def _choice(exported: Exported) -> list[str]:
    if len(exported.measured) == 1:
        return []
    if exported.manifest.model.precision == "float32":
        return [f"float32 was taken: 8 bits would cost {lost(exported.measured):.3f} of max F, {MOST_LOST} or more"]
    return [f"8 bits were taken: they change max F by {-lost(exported.measured):+.3f}"]
