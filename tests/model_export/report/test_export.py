"""What `export` says it measured, took and wrote."""

from pathlib import Path

import pytest

from cutout.inference.manifest import Manifest, read_manifest
from model_export.bundle.export import Exported
from model_export.report.export import as_json, as_text
from tests.support.bundles import write_bundle


def measured(manifest: Manifest, precision: str, max_f: float) -> Manifest:
    model = manifest.model.model_copy(update={"precision": precision, "bytes": 1_500_000})
    quality = {"overall": {"images": 12.0, "max_f": max_f, "mae": 0.05}}
    return manifest.model_copy(update={"model": model, "quality": quality})


@pytest.mark.parametrize(
    ("quantized", "taken", "why"),
    [
        (0.904, "8 bits", "8 bits were chosen: they change max F by +0.004"),
        (
            0.894,
            "float32",
            "float32 was kept: 8 bits would cost 0.006 of max F; the limit is 0.005",
        ),
    ],
)
def test_both_precisions_stand_side_by_side_with_what_was_taken(
    tmp_path: Path, quantized: float, taken: str, why: str
) -> None:
    manifest = read_manifest(write_bundle(tmp_path / "segmenter", "segment"))
    tried = (measured(manifest, "float32", 0.9), measured(manifest, "uint8", quantized))
    exported = Exported(tried[int(taken == "8 bits")], tried)
    assert as_text(exported, Path("my bundles/mugs")).splitlines() == [
        "test split, images: 12     MB  max F    MAE",
        "float32                 1.500  0.900  0.050",
        f"8 bits                  1.500  {quantized}  0.050",
        why,
        f"bundle: my bundles/mugs ({manifest.name} {manifest.version}, {taken})",
        "serve it: CUTOUT_MODELS='my bundles/mugs' make serve",
    ]
    assert as_json(exported, Path("mugs"))["measured"]["uint8"]["max_f"] == quantized
