"""Files that are there whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file beside `path`, then move it there: whoever looks sees the old file or the whole new one.

    The file in between is hidden, a process's own, since another may be writing its own of the same name, and ends as
    `path` does, since some writers go by that. Raises what `write` raises, and OSError.
    """
    part = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
