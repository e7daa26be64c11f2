"""TIFF directories, and the EXIF blocks that are TIFFs (TIFF 6.0, BigTIFF, EXIF 2.3)."""

import struct
from collections.abc import Iterator

from cutout.imaging.headers.common import Malformed, bounded

ORIENTATION = 274
MAX_TAGS = 4096
"""Tags of one directory; cameras write some 50."""


def exif_orientation(block: bytes) -> int:
    """Read the EXIF orientation, 1 to 8; 1 if the block is corrupt."""
    try:
        entries = tiff_entries(block.removeprefix(b"Exif\0\0"))
        orientation = next(
            (value for tag, kind, _, value in entries if tag == ORIENTATION and kind in (1, 3, 4)),
            1,
        )
    except (OverflowError, ValueError, struct.error):
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def is_big_tiff(data: bytes) -> bool:
    return data[:4] in (b"II+\0", b"MM\0+")


def tiff_entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(tag, type, count, first value) of the first directory, which is the one that OpenCV reads.

    The value is what stands in the entry itself: no more than a place in the file where the values
    do not fit in.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise Malformed("no byte order mark")
    is_big = is_big_tiff(data)
    word, head, inline = ("Q", "HHQ", 12) if is_big else ("I", "HHI", 8)
    offset = struct.unpack_from(order + word, data, 8 if is_big else 4)[0]
    entries = struct.unpack_from(order + ("Q" if is_big else "H"), data, offset)[0]
    first, step = (offset + 8, 20) if is_big else (offset + 2, 12)
    for entry in bounded(iter(range(first, first + step * entries, step)), MAX_TAGS):
        tag, kind, count = struct.unpack_from(order + head, data, entry)
        code, size = {1: ("B", 1), 3: ("H", 2), 4: ("I", 4)}.get(kind, (word, 0))
        if count * size > struct.calcsize(word):
            code = word
        yield tag, kind, count, struct.unpack_from(order + code, data, entry + inline)[0]
