"""Strips and tiles of a TIFF: which of them are in the file (TIFF 6.0, sections 3 and 15)."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cutout.imaging.headers.common import MAX_PARTS, MAX_SHARED, Malformed, bounded
from cutout.imaging.headers.exif import MAX_TAGS, NUMBERS, Layout, tiff_entries

WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES, PLANAR = 256, 257, 258, 259, 277, 284  # tags
ROWS_PER_STRIP = 278
TILE_WIDTH = 322
TILE_HEIGHT = 323
STRIPS, TILES = (273, 279), (324, 325)  # tags: where each begins, and how many bytes it has
LISTS = frozenset({*STRIPS, *TILES})
VALUE_BYTES = {
    **dict.fromkeys((1, 2, 6, 7), 1),
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
"""Bytes of a value of each type of TIFF 6.0 and BigTIFF."""
POSITIVE = (3, 4, 16)  # types of whole numbers without a sign: SHORT, LONG, LONG8
SINGLE = frozenset(
    {
        WIDTH,
        HEIGHT,
        BITS,
        COMPRESSION,
        SAMPLES,
        PLANAR,
        ROWS_PER_STRIP,
        TILE_WIDTH,
        TILE_HEIGHT,
    }
)
"""Tags of which one value is enough: of BITS, that of the first channel."""
UNCOMPRESSED, APART = 1, 2  # values of COMPRESSION, and of PLANAR


@dataclass(frozen=True)
class Strips:
    """The strips or tiles of a TIFF, and how rows follow from them.

    `parts` are (first row, start, end) of each, start and end in bytes. `row_bytes` are those of a
    row of an uncompressed strip, 0 for tiles, whose rows cannot be told.
    """

    parts: tuple[tuple[int, int, int], ...]
    height: int
    row_bytes: int
    is_uncompressed: bool
    are_planes_apart: bool

    @classmethod
    def of(cls, tiff: bytes) -> "Strips":
        """Read the lists of strips or tiles.

        Raises LookupError, Malformed or struct.error where they are corrupt.
        """
        tags = _numbers(tiff)
        width, height = tags[WIDTH][0], tags[HEIGHT][0]
        is_tiled = TILES[0] in tags
        starts, sizes = (tags[tag] for tag in (TILES if is_tiled else STRIPS))
        across = -(-width // max(1, tags[TILE_WIDTH][0])) if is_tiled else 1
        rows = tags[TILE_HEIGHT][0] if is_tiled else tags.get(ROWS_PER_STRIP, (height,))[0]
        down = max(1, min(height, rows))
        a_plane = max(1, across * -(-height // down))
        apart = tags.get(PLANAR, (1,))[0] == APART
        samples = 1 if apart else tags.get(SAMPLES, (1,))[0]
        bits = tags.get(BITS, (1,))[0]
        return cls(
            tuple(
                # Planes apart follow one another: in each the strips begin at the first row again.
                (number % a_plane // max(1, across) * down, start, start + size)
                for number, (start, size) in enumerate(zip(starts, sizes, strict=True))
            ),
            height,
            0 if is_tiled else -(-width * samples * bits // 8),
            tags.get(COMPRESSION, (1,))[0] == UNCOMPRESSED,
            apart,
        )

    def rows_in(self, size: int) -> int:
        """Count the rows, from the top, that are complete in the first `size` bytes of the file."""
        return min(
            (self._rows_before(size, *part) for part in self.parts if part[2] > size),
            default=self.height,
        )

    def _rows_before(self, size: int, top: int, start: int, end: int) -> int:
        if not (self.is_uncompressed and self.row_bytes):
            return top
        return top + max(0, size - start) // self.row_bytes

    @property
    def end(self) -> int:
        """The position where the last of them ends, in bytes."""
        return max(end for _, _, end in self.parts)


def lacks_strips(tiff: bytes) -> bool:
    """Tell whether strips or tiles reach beyond the file.

    OpenCV does not notice that if planes are separate.
    """
    try:
        return Strips.of(tiff).end > len(tiff)
    except (LookupError, ValueError, struct.error):
        return False  # broken lists are the decoder's to judge


def share_bytes(tiff: bytes) -> bool:
    """Tell whether the strips or tiles in the file, or its tags, have MAX_SHARED times its bytes.

    Thousands may point to the same bytes, each to be decompressed or read again, for hours. Raises
    Malformed, Truncated or struct.error where the directory is corrupt.
    """
    total = 0
    lists = dict[int, NDArray[np.float64]]()
    layout = Layout.of(tiff)
    for tag, kind, count, value in tiff_entries(tiff):
        size = VALUE_BYTES.get(kind, 0)
        # What is longer than the file, libtiff does not read.
        if count * size > len(tiff):
            continue
        total += count * size
        if tag not in LISTS or tag in lists or kind not in POSITIVE:
            continue
        # What fits into the entry itself is short: `value` is not where it lies.
        if count * size > struct.calcsize(layout.word) and value + count * size <= len(tiff):
            numbers = np.frombuffer(tiff, f"{layout.order}u{size}", count, value)
            # Exact as floats, whose sum does not overflow.
            lists[tag] = numbers.astype(np.float64)
    inside = [
        _bytes_inside(lists[first], lists[second], len(tiff))
        for first, second in (STRIPS, TILES)
        if {first, second} <= lists.keys()
    ]
    return max(total, *inside, 0) > MAX_SHARED * len(tiff)


def _bytes_inside(starts: NDArray[np.float64], sizes: NDArray[np.float64], end: int) -> float:
    """Add up the sizes of the parts before `end`; a truncated file has others, not decompressed."""
    count = min(len(starts), len(sizes))
    starts, sizes = starts[:count], sizes[:count]
    return float(sizes[starts + sizes <= end].sum())


def with_height(tiff: bytes, height: int) -> bytes:
    """Return the file with another height in its header. Raises Malformed where it has none."""
    layout = Layout.of(tiff)
    for entry in bounded(iter(layout.entries), MAX_TAGS):
        tag, kind, _ = struct.unpack_from(layout.order + layout.head, tiff, entry)
        if tag == HEIGHT:
            changed = bytearray(tiff)
            code = layout.order + NUMBERS[kind][0]
            struct.pack_into(code, changed, entry + layout.inline, height)
            return bytes(changed)
    raise Malformed("no height")


def _numbers(tiff: bytes) -> dict[int, tuple[int, ...]]:
    """Return the values of the tags above; lists of more than MAX_PARTS values are left out.

    No others, and of a tag that is there twice the first: thousands of tags may all point to the
    same list, which would take gigabytes.
    """
    layout = Layout.of(tiff)
    numbers = dict[int, tuple[int, ...]]()
    kinds = NUMBERS | {16: ("Q", 8)}
    for entry in bounded(iter(layout.entries), MAX_TAGS):
        tag, kind, count = struct.unpack_from(layout.order + layout.head, tiff, entry)
        code, size = kinds.get(kind, ("", 0))
        is_read = tag in SINGLE or tag in LISTS
        if not is_read or tag in numbers or not code or count > MAX_PARTS:
            continue
        place = entry + layout.inline
        if count * size > struct.calcsize(layout.word):
            place = struct.unpack_from(layout.order + layout.word, tiff, place)[0]
        if place + count * size <= len(tiff):
            read = min(count, 1) if tag in SINGLE else count
            numbers[tag] = struct.unpack_from(f"{layout.order}{read}{code}", tiff, place)
    return numbers
