"""The files of a training run that others read, and how any file is written: whole or not at all."""

from collections.abc import Callable
from pathlib import Path

HISTORY = "history.jsonl"  # a line an epoch
MODEL = "model.keras"  # the best on the validation split
PROVENANCE = "provenance.json"  # the code, libraries and pictures that the run began with
REPORT = "report.html"


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside `path`, then rename: whoever reads it finds the old file or the new one, never half of one."""
    partial = path.with_name(f"partial-{path.name}")
    write(partial)
    partial.replace(path)
