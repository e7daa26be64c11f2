"""What the readers of headers share: the header itself, its errors, bounded loops, chunks."""

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
"""Bytes of an ICC profile; those of presses have up to 2 MB. A longer one is b"": it is ignored."""
MAX_PARTS = 50_000
"""Chunks, segments, boxes or tags looked at; no real file comes near, a hostile one costs 20 ms."""


class Malformed(ValueError):
    """A header that breaks the rules of its format, or one of our limits; the text says which."""


class Truncated(Malformed):
    """A header that ends before all of it is there."""


class NotRead(Malformed):
    """A sound header, of a variant that is not read, or not rightly; the text says which."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    Width and height are those stored; `orientation` is EXIF's, 1 to 8, and still to be applied,
    except where the decoder does (`turned_by_decoder`). `has_alpha`: the file may carry
    transparency. `gray_key`: the grey that a PNG declares transparent, in 16 bits where it has
    them, else in 8. `premultiplied`: the colours are stored multiplied by the alpha. `model`: how
    the pixels are stored; `space`: which colours they are, None for sRGB. `truncated`: a PNG, or a
    TIFF whose planes are apart, ends before its end. `frames`: how many an animation has.
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
        return self.width * self.height

    @property
    def weight(self) -> int:
        """As how many pixels it counts where memory is given out.

        libavif holds planes of up to 8 bytes a pixel beside what it makes of them: up to 22 in all.
        """
        return self.pixels * 3 // 2 if self.format == "avif" else self.pixels

    @property
    def upright(self) -> Size:
        """The size once the orientation is applied."""
        if self.orientation > 4:
            return Size(self.height, self.width)
        return Size(self.width, self.height)


def bounded(parts: Iterator[T], most: int = MAX_PARTS) -> Iterator[T]:
    """Yield the parts. Raises Malformed beyond `most`: decoders would read, and warn of, each."""
    for number, part in enumerate(parts):
        if number == most:
            raise Malformed(f"more than {most} parts")
        yield part


def chunks(
    data: bytes, position: int, layout: str, trailer: int
) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, end) of the chunks of a PNG or a RIFF file.

    Those of a PNG are length, kind, body and checksum, those of a RIFF file kind, length and body.
    """
    while position + 8 <= len(data):
        first, second = struct.unpack_from(layout, data, position)
        kind, length = (second, first) if isinstance(first, int) else (first, second)
        yield kind, position + 8, position + 8 + length
        position += 8 + length + trailer
        if not trailer:  # RIFF keeps chunks at even places
            position += length & 1
