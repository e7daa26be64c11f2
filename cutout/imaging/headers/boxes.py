"""Boxes of ISO base media files (ISO/IEC 14496-12), of which AVIF and HEIC are made."""

import struct
from collections.abc import Iterator

from cutout.imaging.headers.common import Malformed, Truncated, bounded

Box = tuple[bytes, int, int]
"""The type of a box, and where its body starts and ends, in bytes."""
WHOLE = frozenset({b"ftyp", b"meta", b"mdat", b"moov", b"free", b"skip", b"uuid"})
"""Types of boxes that a file is made of; others at its end do not belong to it."""


def boxes_in(data: bytes, position: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two positions; one that would reach beyond ends there.

    Raises Malformed for a box smaller than its own header.
    """
    end = min(end, len(data))
    for kind, start, stop in _announced(data, position, end):
        yield kind, start, min(end, stop)


def box_in(data: bytes, wanted: bytes, position: int, end: int) -> tuple[int, int]:
    """Return start and end of the first box of a kind. Raises Malformed where there is none."""
    for kind, start, stop in bounded(boxes_in(data, position, end)):
        if kind == wanted:
            return start, stop
    raise Malformed(f"no {wanted.decode()} box")


def check_whole(data: bytes) -> None:
    """Check that a file does not end before its boxes do.

    Raises Truncated, with how many bytes are there, where it does.
    """
    ends = [stop for kind, _, stop in bounded(_announced(data, 0, len(data))) if kind in WHOLE]
    if (size := max(ends, default=0)) > len(data):
        raise Truncated(f"{len(data)} of at least {size} bytes are there; send the whole file")


def _announced(data: bytes, position: int, end: int) -> Iterator[Box]:
    while position + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        # 1 stands for a size of 64 bits that follows, 0 for up to the end.
        if size == 1:
            size = struct.unpack_from(">Q", data, start)[0]
            start = start + 8
        stop = end if size == 0 else position + size
        if stop < start:
            raise Malformed("a box smaller than its own header")
        yield kind, start, stop
        position = stop
