"""Reading and writing of images on the command line: files, standard input and output."""

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cutout.errors import (
    ImageTooLarge,
    InvalidOption,
    OutputRefused,
    UndecodableImage,
    UnsupportedFormat,
)
from cutout.options import Format
from cutout.system.files import replace

STANDARD = Path("-")
MOST_PIXELS = 1 << 28  # OpenCV's own limit, as `cutout` sets it
URL = re.compile("[a-z]{3,5}:/", re.IGNORECASE)
"""The beginning of a path that was given as a URL: of several slashes, `Path` keeps one."""
FORMATS = {
    ".png": Format.png,
    ".webp": Format.webp,
    ".jpg": Format.jpeg,
    ".jpeg": Format.jpeg,
    ".jfif": Format.jpeg,
    ".zip": Format.zip,
    ".gif": Format.gif,
}
NOT_WRITTEN = frozenset(
    {
        ".avif",
        ".bmp",
        ".heic",
        ".heif",
        ".ico",
        ".jp2",
        ".jxl",
        ".pdf",
        ".psd",
        ".svg",
        ".tga",
        ".tif",
        ".tiff",
    }
)
"""Suffixes of formats that are not written."""


def read(path: Path) -> bytes:
    """Read a file, or standard input for `-`.

    Raises OSError where it cannot be read, and InvalidOption for a URL.
    """
    if URL.match(str(path)) and not path.exists():
        raise InvalidOption(
            f"{path}: URLs are not fetched; download the image first, or pipe it in: "
            "curl -fsS URL | cutout remove - OUTPUT"
        )
    if path != STANDARD:
        return path.read_bytes()
    # What Python makes of it where descriptor 0 is closed; so with standard output below.
    if sys.stdin is None:
        raise OSError(errno.EBADF, "closed", "standard input")
    return sys.stdin.buffer.read()


def read_image(path: Path, max_pixels: int) -> bytes:
    """Read an image that accompanies others, and decode it once, so that an error names it.

    Raises ClientError where it cannot be decoded or has more than `max_pixels`, and OSError where
    it cannot be read.
    """
    from cutout.sources import Upload

    data = read(path)
    with naming(path):
        Upload.read(data, max_pixels).decode()
    return data


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the name of an image before the errors that the block raises about it.

    Raises ImageTooLarge, UndecodableImage or UnsupportedFormat as the block does.
    """
    try:
        yield
    except (ImageTooLarge, UndecodableImage, UnsupportedFormat) as error:
        name = "standard input" if path == STANDARD else path
        raise type(error)(f"{name}: {error.detail}") from error


def format_of(output: Path, asked: Format | None) -> Format:
    """Return the format of an output: as asked, else by the suffix of the file.

    Raises InvalidOption where the two differ, or the suffix is unknown.
    """
    suffix = output.suffix.lower()
    named = FORMATS.get(suffix)
    if output == STANDARD or _is_special(output):
        return asked or Format.png
    if asked is None and named is None:
        raise InvalidOption(
            f"{output}: unknown suffix; use one of {', '.join(FORMATS)}, or set --format"
        )
    if asked is None or asked is named or (named is None and suffix not in NOT_WRITTEN):
        return asked or named or Format.png
    if asked is Format.auto:
        raise InvalidOption(
            f"{output}: --format auto writes a PNG or a JPEG; use a name without {suffix}, or "
            "another --format"
        )
    better = output.with_suffix(".jpg" if asked is Format.jpeg else f".{asked}")
    raise InvalidOption(
        f"{output}: the suffix is {suffix}, but --format is {asked}; write to {better} instead"
    )


def check_output(path: Path, force: bool) -> None:
    """Check, before any work, that `path` may be written. Raises OutputRefused where not."""
    if path == STANDARD:
        if sys.stdout is None:
            raise OutputRefused("standard output is closed")
        if sys.stdout.isatty():
            raise OutputRefused(
                "refusing to write binary data to a terminal; redirect it to a file or a pipe"
            )
    elif not _is_special(path):
        check_file(path, force)


def check_file(path: Path, force: bool) -> None:
    """Check that a regular file may be written. Raises OutputRefused."""
    if path.is_dir():
        raise OutputRefused(f"{path} is a directory; add a file name")
    if not path.parent.is_dir():
        raise OutputRefused(f"no such directory: {path.parent}; create it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputRefused(f"permission denied: cannot write to the directory {path.parent}")
    if path.exists() and not force:
        raise OutputRefused(f"{path} exists; use --force to overwrite it")


def write(path: Path, data: bytes) -> None:
    """Write a file atomically, or to a device, a named pipe, or standard output for `-`.

    Raises OSError where it cannot be written.
    """
    if path == STANDARD:
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OSError(error.errno, error.strerror, "standard output") from None
    elif _is_special(path):
        path.write_bytes(data)
    else:
        # The link stays one; renaming a file to its name would replace it.
        replace(_target(path) if path.is_symlink() else path, lambda part: part.write_bytes(data))


def _target(link: Path) -> Path:
    """Return the target of a symbolic link, which need not exist. Raises OSError for a loop."""
    with suppress(FileNotFoundError):
        link.stat()  # fails for a loop; `resolve` does so before Python 3.13 only
    return link.resolve()


def _is_special(path: Path) -> bool:
    """Tell whether it is a device or a named pipe, which must not be replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()
