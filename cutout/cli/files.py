"""Images in and out: files, standard input and output."""

import errno
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
FORMATS = {
    ".png": Format.png,
    ".webp": Format.webp,
    ".jpg": Format.jpeg,
    ".jpeg": Format.jpeg,
    ".jfif": Format.jpeg,
    ".zip": Format.zip,
}
NOT_WRITTEN = frozenset(
    {
        ".avif",
        ".bmp",
        ".gif",
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
"""Ends of names that promise another type."""


def read(path: Path) -> bytes:
    """A file, or standard input for `-`. Raises OSError."""
    if path != STANDARD:
        return path.read_bytes()
    if sys.stdin is None:
        raise OSError(errno.EBADF, "closed", "standard input")
    return sys.stdin.buffer.read()


def read_image(path: Path) -> bytes:
    """An image that goes along with others, tried here, so that no other is blamed for it.

    Raises ClientError.
    """
    from cutout.sources import Upload

    data = read(path)
    with naming(path):
        Upload.read(data, max_pixels=1 << 28).decode()
    return data


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What is wrong with an image is said with its name."""
    try:
        yield
    except (ImageTooLarge, UndecodableImage, UnsupportedFormat) as error:
        name = "standard input" if path == STANDARD else path
        raise type(error)(f"{name}: {error.detail}") from error


def format_of(output: Path, asked: Format | None) -> Format:
    """The format that was asked for, else that of the name. Raises InvalidOption where they are not the same."""
    suffix = output.suffix.lower()
    named = FORMATS.get(suffix)
    if output == STANDARD or _is_special(output):
        return asked or Format.png
    if asked is None and named is None:
        raise InvalidOption(
            f"{output}: the name ends in none of {', '.join(FORMATS)}; say --format"
        )
    if asked is None or asked is named or (named is None and suffix not in NOT_WRITTEN):
        return asked or named or Format.png
    if asked is Format.auto:
        raise InvalidOption(
            f"{output}: --format auto makes a PNG or a JPEG; give a name without {suffix}, or another --format"
        )
    better = output.with_suffix(".jpg" if asked is Format.jpeg else f".{asked}")
    raise InvalidOption(
        f"{output}: the name ends in {suffix}, but --format is {asked}; call it {better}"
    )


def check_output(path: Path, force: bool) -> None:
    """Before any work. Raises OutputRefused where nothing can or must be written, or a terminal would get bytes."""
    if path == STANDARD:
        if sys.stdout is None:
            raise OutputRefused("standard output is closed")
        if sys.stdout.isatty():
            raise OutputRefused("an image is no text for a terminal; send it to a file or a pipe")
    elif path.is_dir():
        raise OutputRefused(f"{path} is a folder; give the name of a file in it")
    elif not path.parent.is_dir():
        raise OutputRefused(f"no such folder: {path.parent}")
    elif path.exists() and not force and not _is_special(path):
        raise OutputRefused(f"{path} is there already; --force overwrites it")


def write(path: Path, data: bytes) -> None:
    """To a file, whole or not at all, a device or a named pipe, or standard output for `-`. Raises OSError."""
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
        replace(_target(path) if path.is_symlink() else path, lambda part: part.write_bytes(data))


def _target(link: Path) -> Path:
    """Return the path that a link leads to, which need not exist. Raises OSError for one that leads back to itself."""
    with suppress(FileNotFoundError):
        link.stat()  # fails for a loop; `resolve` does so before Python 3.13 only
    return link.resolve()


def _is_special(path: Path) -> bool:
    """A device, a named pipe: what is written into, and must not be replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()
