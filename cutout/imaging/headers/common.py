"""Parts that all readers of headers share: the header itself, its errors, bounded loops, chunks."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

from cutout.imaging.box import Size
from cutout.imaging.colors.spaces import ColorSpace

T = TypeVar("T")
ColorModel = Literal["gray", "rgb", "cmyk"]
FileFormat = Literal["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif", "heic"]

MAX_PROFILE = 4 << 20
"""Bytes of an ICC profile; those of printing presses have up to 2 MB. A longer one is ignored, and
stands in a header as b""."""
MAX_SHARED = 2
"""Times the bytes of a file that all its parts may have together; real ones do not overlap."""
MAX_PARTS = 50_000
"""Chunks, segments, boxes or tags that are read; no real file comes near, a hostile one costs
20 ms."""


class Malformed(ValueError):
    """A header that breaks the rules of its format, or one of our limits; the text says which."""


class Truncated(Malformed):
    """A header that ends before all of it is there."""


class NotRead(Malformed):
    """An intact header of a variant that is not read, or not correctly; the text says which."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself before its pixels.

    - `width` and `height` are as stored, in pixels; `orientation` is EXIF's, 1 to 8, and still to
      be applied, except where the decoder does (`turned_by_decoder`).
    - `has_alpha`: the file may carry transparency. `gray_key`: the grey that a PNG declares
      transparent, of 16 bits where it has them, else of 8. `premultiplied`: the colours are stored
      multiplied by alpha.
    - `truncated`: a PNG, or a TIFF with separate planes, ends too early.
    - `frames`: how many an animation has.
    - `model`: how the pixels are stored. `space`: their colour space, None for sRGB.
    """

    format: FileFormat | Literal["array"]
    width: int
    height: int
    orientation: int = 1
    has_alpha: bool = False
    gray_key: int | None = None
    premultiplied: bool = False
    turned_by_decoder: bool = False
    truncated: bool = False
    frames: int = 1
    model: ColorModel = "rgb"
    space: ColorSpace | None = None

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def weight(self) -> int:
        """How many pixels the image counts as where memory is budgeted.

        libavif holds planes of up to 8 bytes a pixel beside what it makes of them: up to 22 bytes a
        pixel in all.
        """
        return self.pixels * 3 // 2 if self.format == "avif" else self.pixels

    @property
    def upright(self) -> Size:
        """Width and height in pixels once the orientation is applied."""
        if self.orientation > 4:
            return Size(self.height, self.width)
        return Size(self.width, self.height)


def bounded(parts: Iterator[T], most: int = MAX_PARTS) -> Iterator[T]:
    """Yield the parts, and stop a file that would have decoders read, and warn of, endlessly many.

    Raises Malformed where there are more than `most`.
    """
    for number, part in enumerate(parts):
        if number == most:
            raise Malformed(f"more than {most} parts")
        yield part


def chunks(
    data: bytes, position: int, layout: str, trailer: int
) -> Iterator[tuple[bytes, int, int]]:
    """Yield (type, start, end) of the body of each chunk of a PNG or a RIFF file.

    `layout` is of `struct`, for type and length in either order; `trailer` is how many bytes follow
    a body. A PNG has length, type, body and checksum (">I4s", 4), a RIFF file type, length and body
    ("<4sI", 0).
    """
    while position + 8 <= len(data):
        first, second = struct.unpack_from(layout, data, position)
        kind, length = (second, first) if isinstance(first, int) else (first, second)
        yield kind, position + 8, position + 8 + length
        position += 8 + length + trailer
        if not trailer:  # RIFF pads chunks to an even length
            position += length & 1
