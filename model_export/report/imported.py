"""The output of `import` and `cutout models add`."""

import shlex
from pathlib import Path

from cutout.inference.manifest import Manifest


def as_text(manifest: Manifest, out: Path) -> str:
    """Say what was made, where it is, how to serve it and how to evaluate it."""
    model = manifest.model
    bundle = shlex.quote(str(out))
    what = f"{manifest.name} {manifest.version}, {model.precision}, {model.bytes / 1e6:.1f} MB"
    judge = f"evaluate --split all --bundle {bundle} --data DIR"
    return "\n".join(
        [
            f"bundle: {out} ({what})",
            f"serve it: CUTOUT_MODELS={bundle} make serve",
            f"judge it: .venv/bin/python -m model_export {judge}",
        ]
    )
