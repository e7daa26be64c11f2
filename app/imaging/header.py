"""What a picture file says of itself before anything is decoded."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.errors import UndecodablePicture, UnsupportedFormat

FileFormat = Literal["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"]


@dataclass(frozen=True)
class Header:
    """Format by content; width and height as stored (before `orientation`, EXIF 1 to 8, is applied)."""

    format: FileFormat
    width: int
    height: int
    orientation: int = 1
    has_alpha: bool = False


def sniff(data: bytes) -> Header:
    """The header of a picture file. Raises UnsupportedFormat or UndecodablePicture, nothing else."""
    for matches, parse in _PARSERS:
        if matches(data):
            try:
                header = parse(data)
            except (IndexError, ValueError) as error:
                raise UndecodablePicture("the picture's header is broken or cut off") from error
            if header.width <= 0 or header.height <= 0:
                raise UndecodablePicture("the picture has no width or no height")
            return header
    raise UnsupportedFormat("not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF picture")


def _uint(data: bytes, start: int, size: int, order: Literal["big", "little"]) -> int:
    if start + size > len(data):
        raise ValueError("cut off")
    return int.from_bytes(data[start : start + size], order)


def _png(data: bytes) -> Header:
    return Header(
        "png", _uint(data, 16, 4, "big"), _uint(data, 20, 4, "big"), has_alpha=data[25] >= 4 or b"tRNS" in data[:4096]
    )


def _jpeg(data: bytes) -> Header:
    position = 2
    while True:
        while data[position] != 0xFF or data[position + 1] in (0x00, 0xFF):
            position += 1
        marker = data[position + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return Header("jpeg", _uint(data, position + 7, 2, "big"), _uint(data, position + 5, 2, "big"))
        if marker in (0xD9, 0xDA):
            raise ValueError("no frame header")
        position += 2 if 0xD0 <= marker <= 0xD8 or marker == 1 else 2 + _uint(data, position + 2, 2, "big")


_PARSERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Header]], ...] = (
    (lambda data: data.startswith(b"\xff\xd8\xff"), _jpeg),
    (lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), _png),
)
