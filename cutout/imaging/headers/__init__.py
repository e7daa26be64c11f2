"""The header of an image file, read before a pixel is decoded: format, size, orientation, alpha.

Small readers of our own (docs/decisions): the limit on pixels, the EXIF orientation in every format
and the presence of alpha are all needed at once, from bytes that nobody has checked. Each loop is
bounded, whatever the bytes say.
"""

import struct
from collections.abc import Callable

from cutout.errors import EmptyImage, UndecodableImage, UnsupportedFormat
from cutout.imaging.headers.avif import is_avif, read_avif
from cutout.imaging.headers.boxes import check_whole
from cutout.imaging.headers.common import FileFormat, Header, Malformed, NotRead, Truncated
from cutout.imaging.headers.gif_bmp import read_bmp, read_gif
from cutout.imaging.headers.heif import is_heif, read_heif
from cutout.imaging.headers.jpeg import read_jpeg
from cutout.imaging.headers.png import read_png
from cutout.imaging.headers.tiff import read_tiff
from cutout.imaging.headers.webp import read_webp

__all__ = ["FileFormat", "Header", "is_image", "sniff"]


def _starts_with(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(beginnings)


def _is_bmp(data: bytes) -> bool:
    # The size of its second header too: texts may begin with these letters.
    return data.startswith(b"BM") and 12 <= int.from_bytes(data[14:18], "little") <= 255


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


_READERS: tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], Header]], ...] = (
    ("JPEG", _starts_with(b"\xff\xd8\xff"), read_jpeg),
    ("PNG", _starts_with(b"\x89PNG\r\n\x1a\n"), read_png),
    ("WebP", _is_webp, read_webp),
    ("GIF", _starts_with(b"GIF87a", b"GIF89a"), read_gif),
    ("TIFF", _starts_with(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), read_tiff),
    ("AVIF", is_avif, read_avif),
    ("HEIC", is_heif, read_heif),
    ("BMP", _is_bmp, read_bmp),
)


def is_image(data: bytes) -> bool:
    """Tell whether a file, or its first 512 bytes, begins as a supported image format does."""
    return any(is_of_format(data) for _, is_of_format, _ in _READERS)


def sniff(data: bytes) -> Header:
    """Read the header of an image file; the format is told by its content.

    Raises UnsupportedFormat where the format is not read here, EmptyImage where width or height is
    0, and UndecodableImage where the header is corrupt, truncated or of a variant that is not read;
    nothing else.
    """
    if not data:
        raise UnsupportedFormat("the file is empty (0 bytes); send an image")
    for name, is_of_format, read in _READERS:
        if is_of_format(data):
            header = _read(name, read, data)
            # The width of a BMP has a sign.
            if header.width <= 0 or header.height <= 0:
                raise EmptyImage("the image has no width or no height")
            return header
    raise UnsupportedFormat(
        "not a JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC image; convert it to one of these"
    )


def _read(name: str, read: Callable[[bytes], Header], data: bytes) -> Header:
    try:
        return _with_its_bytes(name, read, data)
    # The order matters: Truncated and NotRead are kinds of Malformed, and that of ValueError.
    except Truncated as error:
        raise UndecodableImage(f"the {name} is truncated: {error}") from error
    except NotRead as error:
        raise UndecodableImage(
            f"this variant of {name} is not read: {error}; save it as PNG or JPEG"
        ) from error
    except Malformed as error:
        raise UndecodableImage(f"the {name} is corrupt: {error}") from error
    except (LookupError, StopIteration, struct.error) as error:
        raise UndecodableImage(f"the {name} is truncated or corrupt in its header") from error
    except (OverflowError, ValueError) as error:
        raise UndecodableImage(f"the {name} has a corrupt header") from error


def _with_its_bytes(name: str, read: Callable[[bytes], Header], data: bytes) -> Header:
    """Read a header; where that fails for an AVIF or HEIC, find out whether it is truncated."""
    try:
        return read(data)
    except (LookupError, StopIteration, ValueError, struct.error):
        if name in ("AVIF", "HEIC"):
            check_whole(data)
        raise
