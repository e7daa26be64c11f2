"""The output of `export`: text for a terminal, or one JSON object."""

import shlex
from pathlib import Path
from typing import Any

from model_export.bundle.card import COUNTS, MEASURES
from model_export.bundle.export import MAX_LOSS, Exported, lost
from model_export.quality.evaluate import OVERALL
from model_export.report.table import table

PRECISIONS = {"float32": "float32", "uint8": "8 bits"}


def as_text(exported: Exported, out: Path) -> str:
    """Format what was measured, in float32 and in 8 bits, which was chosen, and how to serve it."""
    title = f"test split, images: {exported.manifest.quality[OVERALL]['images']:.0f}"
    columns = {
        "megabytes": "MB",
        **{key: name for key, name in MEASURES.items() if key not in COUNTS},
    }
    rows = [
        (
            PRECISIONS[each.model.precision],
            {"megabytes": each.model.bytes / 1e6, **each.quality[OVERALL]},
        )
        for each in exported.measured
    ]
    manifest = exported.manifest
    bundle = f"{manifest.name} {manifest.version}, {PRECISIONS[manifest.model.precision]}"
    return "\n".join(
        [
            table(title, columns, rows),
            *_choice(exported),
            f"bundle: {out} ({bundle})",
            f"serve it: CUTOUT_MODELS={shlex.quote(str(out))} make serve",
        ]
    )


def as_json(exported: Exported, out: Path) -> dict[str, Any]:
    """Return a JSON-ready object; `measured` has the figures by precision."""
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
        return [
            (
                f"float32 was kept: 8 bits would cost {lost(exported.measured):.3f} of max F; the "
                f"limit is {MAX_LOSS}"
            )
        ]
    return [f"8 bits were chosen: they change max F by {-lost(exported.measured):+.3f}"]
