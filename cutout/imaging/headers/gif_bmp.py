"""GIF (GIF89a) and BMP (DIB) headers."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from cutout.imaging.box import Box
from cutout.imaging.headers.common import MAX_PARTS, MAX_PROFILE, Header, Malformed, NotRead

RLE = (1, 2)  # a BMP's compression by run-length encoding
MAX_RLE = 2 << 20
"""Bytes of a run-length encoded BMP: Pillow takes about a second for them."""
MAX_RLE_PIXELS = 1 << 24
"""Pixels of one: an empty row takes Pillow nearly as long as a full one."""
MASKS = (0xFF0000, 0xFF00, 0xFF)  # a BMP's usual masks of red, green and blue
MAX_BLOCKS = 400_000
"""Blocks of a GIF that are counted, in 60 ms; a frame of 100 MB has as many."""


def read_gif(data: bytes) -> Header:
    """Read the header of a GIF, and count its frames. Raises struct.error where it is truncated."""
    width, height = struct.unpack_from("<HH", data, 6)
    # Transparency may be: it is said frame by frame.
    return Header("gif", width, height, has_alpha=True, frames=max(1, _count_frames(data)))


@dataclass(frozen=True)
class FirstImage:
    """A GIF up to its first image: header, graphic control of the image, and image data.

    `box` is where the image lies on the screen, in pixels.
    """

    head: bytes
    control: bytes
    image: bytes
    box: Box

    @classmethod
    def of(cls, gif: bytes) -> "FirstImage":
        """Find the first image. Raises Malformed, IndexError or struct.error if there is none."""
        position = _after_colors(gif, 10, 13)
        head = gif[:position]
        control = b""
        for _ in range(MAX_PARTS):
            kind = gif[position]
            if kind == 0x2C:
                box = Box(*struct.unpack_from("<4H", gif, position + 1))
                return cls(head, control, gif[position:], box)
            if kind != 0x21:
                break
            end = _after_blocks(gif, position + 2, MAX_PARTS)
            if gif[position + 1] == 0xF9:
                control = gif[position:end]
            position = end
        raise Malformed("no image in it")

    @property
    def file(self) -> bytes:
        """The bytes of a GIF of this image alone."""
        return b"".join((self.head, self.control, self.image))

    @property
    def is_interlaced(self) -> bool:
        """Whether the rows are stored in four passes."""
        return bool(self.image[9] & 0x40)

    @property
    def is_whole(self) -> bool:
        """Whether the image data is complete."""
        try:
            _after_blocks(self.image, _after_colors(self.image, 9, 10) + 1, MAX_BLOCKS)
        except IndexError:
            return False
        return True

    def filled_with(self, number: int) -> bytes:
        """Return the bytes of a GIF of this image, with that colour number as transparent."""
        control = b"!\xf9\x04\x01\0\0" + bytes((number,)) + b"\0"
        return b"".join((self.head, control, self.image))


def fits_its_screen(gif: bytes) -> bool:
    """Tell whether all frames lie within the screen, whose size is that of the image."""
    width, height = struct.unpack_from("<HH", gif, 6)
    frames = (struct.unpack_from("<4H", gif, at + 1) for at in _descriptors(gif))
    return all(
        left + across <= width and top + down <= height for left, top, across, down in frames
    )


def _count_frames(gif: bytes) -> int:
    """Count the images of a GIF, as far as its data and MAX_BLOCKS go."""
    return sum(1 for _ in _descriptors(gif))


def _descriptors(gif: bytes) -> Iterator[int]:
    """Yield the position of each image's descriptor."""
    with suppress(IndexError, Malformed):
        position = _after_colors(gif, 10, 13)
        while gif[position] in (0x21, 0x2C):
            if gif[position] == 0x2C:
                # Before the yield: a truncated descriptor raises IndexError, and is not counted.
                after_colors = _after_colors(gif, position + 9, position + 10)
                yield position
                # The byte before the blocks is LZW's code size.
                position = after_colors + 1
            else:
                position += 2
            position = _after_blocks(gif, position, MAX_BLOCKS)


def _after_colors(gif: bytes, flags: int, position: int) -> int:
    """Return the position after the colour table at `position`; the flags say if there is one."""
    # 3 bytes for each of 2 ** (n + 1) colours.
    return position + (6 << (gif[flags] & 7) if gif[flags] & 0x80 else 0)


def _after_blocks(gif: bytes, position: int, most: int) -> int:
    """Return the position after the data blocks that start at `position`."""
    for _ in range(most):
        size = gif[position]
        position += 1 + size
        if not size:
            return position
    raise Malformed("too many blocks")


def read_bmp(data: bytes) -> Header:
    """Read the header of a BMP.

    Raises NotRead for long run-length encodings, and struct.error where it is truncated.
    """
    size = struct.unpack_from("<I", data, 14)[0]
    if size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return Header("bmp", width, height)
    width, height = struct.unpack_from("<ii", data, 18)
    bits = struct.unpack_from("<H", data, 28)[0]
    # The fourth byte is padding where no mask, the last of four from V3 on, says that it is alpha.
    has_alpha = bits == 32 and size >= 56 and struct.unpack_from("<I", data, 66)[0] != 0
    if struct.unpack_from("<I", data, 30)[0] in RLE:
        if len(data) > MAX_RLE:
            raise NotRead(f"run lengths of more than {MAX_RLE} bytes")
        if width * abs(height) > MAX_RLE_PIXELS:
            raise NotRead(f"run lengths of more than {MAX_RLE_PIXELS} pixels")
    # A height below 0 means that the top row comes first.
    return Header("bmp", width, abs(height), has_alpha=has_alpha, space=_bmp_profile(data, size))


def needs_pillow(bmp: bytes) -> bool:
    """Tell whether OpenCV reads a BMP wrongly: run-length encoding, 16 bits, or unusual masks.

    Or a file whose pixels begin where its palette does.
    """
    size, bits, compression = struct.unpack_from("<I10xHI", bmp, 14)
    if size < 40:
        return False
    palette = bits <= 8 and struct.unpack_from("<I", bmp, 10)[0] == 14 + size
    unusual = compression == 3 and struct.unpack_from("<3I", bmp, 54) != MASKS
    return bits == 16 or compression in RLE or bool(unusual) or palette


def _bmp_profile(data: bytes, size: int) -> bytes | None:
    """Return the ICC profile in a file with a V5 header."""
    # MBED, for an embedded profile, with its lowest byte first.
    if size < 124 or data[70:74] != b"DEBM":
        return None
    start, length = struct.unpack_from("<II", data, 126)
    return data[14 + start : 14 + start + length] if length <= MAX_PROFILE else b""


def row_bytes(bmp: bytes) -> int:
    """Return how many bytes a row of an uncompressed BMP takes.

    Raises Malformed where the header says 0 bits per pixel.
    """
    width, _, _, bits = struct.unpack_from("<iiHH", bmp, 18)
    if bits == 0:
        raise Malformed("pixels of no bits")
    # Rows are padded to 4 bytes.
    return int((width * bits + 31) // 32 * 4)


def missing_bytes(bmp: bytes) -> int:
    """Return how many bytes an uncompressed BMP is short of its rows; 0 for other BMPs.

    Raises Malformed where the header says 0 bits per pixel.
    """
    if struct.unpack_from("<I", bmp, 14)[0] < 40 or struct.unpack_from("<I", bmp, 30)[0] not in (
        0,
        3,
    ):
        return 0
    start = struct.unpack_from("<I", bmp, 10)[0]
    height = struct.unpack_from("<i", bmp, 22)[0]
    return max(0, int(start + row_bytes(bmp) * abs(height)) - len(bmp))


def has_last_row_first(bmp: bytes) -> bool:
    """Tell whether a BMP is stored bottom-up, as most are."""
    return bool(struct.unpack_from("<i", bmp, 22)[0] > 0)
