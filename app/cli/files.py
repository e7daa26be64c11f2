"""Pictures in and out: files, standard input and output."""

import sys
from pathlib import Path

from app.atomic import replace
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
        replace(path, lambda part: part.write_bytes(data))
