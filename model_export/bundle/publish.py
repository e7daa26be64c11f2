"""Writing of a bundle's directory, and the check whether it may be written."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from cutout.errors import BundleError, OutputRefused
from cutout.inference.manifest import MANIFEST, Manifest
from cutout.system.files import replace
from model_export.bundle.card import CARD, write_card
from model_export.training.run_folder import MODEL

WRITTEN = ("model.onnx", MODEL, CARD)  # and the manifest


def refuse_overwriting(out: Path, name: str, version: str) -> None:
    """Check that `out` is free, or holds the same bundle in another version.

    Raises OutputRefused where it holds anything else.
    """
    if (out / MANIFEST).is_file():
        there = _read(out / MANIFEST)
        if there is None or there.name != name or there.version == version:
            what = f"{there.name} {there.version}" if there else "a bundle"
            raise OutputRefused(
                f"{out}: {what} is there already; give another --out, or replace it by --force"
            )
        return
    inside = sorted(path.parent.name for path in out.glob(f"*/{MANIFEST}"))
    if inside:
        raise OutputRefused(
            f"{out}: a directory of bundles ({', '.join(inside)}); give --out {out / name}"
        )
    there_too = [file for file in WRITTEN if (out / file).exists()]
    if there_too:
        raise OutputRefused(
            f"{out}: not a bundle, but it has {', '.join(there_too)}; give another --out, or "
            "--force"
        )


def publish(files: Sequence[Path], manifest: Manifest, out: Path) -> None:
    """Write the bundle `out`: copies of `files` under their names, the model card and the manifest.

    Raises BundleError, with nothing written, where the manifest would not read back as it is.
    """
    text = manifest.model_dump_json(indent=2, exclude_none=True) + "\n"
    if Manifest.model_validate_json(text) != manifest:
        raise BundleError(f"{out / MANIFEST}: would not read back as written")
    out.mkdir(parents=True, exist_ok=True)
    for source in files:
        replace(out / source.name, partial(shutil.copyfile, source))
    write_card(manifest, out)
    replace(out / MANIFEST, lambda path: path.write_text(text))  # last, so that it means complete


def _read(path: Path) -> Manifest | None:
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError:
        return None
