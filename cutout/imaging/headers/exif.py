"""TIFF directories, and the EXIF blocks that are TIFFs (TIFF 6.0, BigTIFF, EXIF 2.3)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from cutout.imaging.headers.common import Malformed, Truncated, bounded

ORIENTATION = 274
NUMBERS = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4), 6: ("b", 1), 8: ("h", 2), 9: ("i", 4)}
"""Types of whole numbers: BYTE, SHORT, LONG and their signed forms; `struct`'s code, and bytes."""
MAX_TAGS = 4096
"""Tags of one directory that are read; cameras write some 50."""


def exif_orientation(block: bytes) -> int:
    """Read the orientation, 1 to 8, from an EXIF block; 1 if the block is corrupt."""
    try:
        entries = tiff_entries(block.removeprefix(b"Exif\0\0"))
        orientation = next(
            (value for tag, kind, _, value in entries if tag == ORIENTATION and kind in NUMBERS),
            1,
        )
    except (OverflowError, ValueError, struct.error):
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def is_big_tiff(data: bytes) -> bool:
    """Tell whether a file begins as a BigTIFF does."""
    return data[:4] in (b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Layout:
    """How the first directory of a TIFF is written, which is the one that OpenCV reads.

    `order`, `word` and `head` are formats of `struct`: the byte order, an offset in the file, and
    the tag, type and count of an entry. `entries` are the positions of the entries; the value of
    one, or the offset of its values, is `inline` bytes after its position.
    """

    order: str
    word: str
    head: str
    inline: int
    entries: range

    @classmethod
    def of(cls, data: bytes) -> "Layout":
        """Read the layout of a TIFF.

        Raises Malformed where it has no byte order mark, Truncated where the directory is beyond
        the end of the file, and struct.error where it ends within its header.
        """
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None:
            raise Malformed("no byte order mark")
        is_big = is_big_tiff(data)
        word, head, inline = ("Q", "HHQ", 12) if is_big else ("I", "HHI", 8)
        start = struct.unpack_from(order + word, data, 8 if is_big else 4)[0]
        if start >= len(data):
            raise Truncated(
                f"its directory is at byte {start}, and {len(data)} bytes are there; send the "
                "whole file"
            )
        count = struct.unpack_from(order + ("Q" if is_big else "H"), data, start)[0]
        first, step = (start + 8, 20) if is_big else (start + 2, 12)
        return cls(order, word, head, inline, range(first, first + step * count, step))


def tiff_entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (tag, type, count, first value) of the entries of the first directory.

    The value is what stands in the entry itself: where the values do not fit in, it is their offset
    in the file. Raises Malformed, Truncated or struct.error where the directory is corrupt.
    """
    layout = Layout.of(data)
    for entry in bounded(iter(layout.entries), MAX_TAGS):
        tag, kind, count = struct.unpack_from(layout.order + layout.head, data, entry)
        # Types that are no whole numbers count as 0 bytes: a word is read, mostly an offset.
        code, size = NUMBERS.get(kind, (layout.word, 0))
        if count * size > struct.calcsize(layout.word):
            code = layout.word
        yield (
            tag,
            kind,
            count,
            struct.unpack_from(layout.order + code, data, entry + layout.inline)[0],
        )
