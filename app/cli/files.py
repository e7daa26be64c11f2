"""Pictures in and out: files, standard input and output; a file is there whole or not at all."""

import os
import sys
from pathlib import Path

from app.errors import OutputRefused

STANDARD = Path("-")


def read(path: Path) -> bytes:
    """A file, or standard input for `-`. Raises OSError."""
    return sys.stdin.buffer.read() if path == STANDARD else path.read_bytes()


def refuse_existing(path: Path, force: bool) -> None:
    """Raises OutputRefused where a file must not be overwritten, or a terminal would get bytes."""
    if path == STANDARD:
        if sys.stdout.isatty():
            raise OutputRefused("a picture is no text for a terminal; send it to a file or a pipe")
    elif path.exists() and not force:
        raise OutputRefused(f"{path} is there already; --force overwrites it")


def write(path: Path, data: bytes) -> None:
    """To a file, or to standard output for `-`. Raises OSError."""
    if path == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_whole(path, data)


def write_whole(path: Path, data: bytes) -> None:
    """Beside its place, then moved there: whoever looks sees the old file or the whole new one. Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")  # a killed run's workers may still be writing theirs
    try:
        part.write_bytes(data)
        os.replace(part, path)  # noqa: PTH105 - the atomic one, by its name
    finally:
        part.unlink(missing_ok=True)
