"""AVIF headers (ISO/IEC 14496-12 and 23008-12), and the size of the frames in the file.

libavif decodes frames at their own size, and only then scales them to the size that the boxes say:
a small header could hide a huge frame.
"""

import struct
from collections.abc import Iterator
from itertools import islice

from cutout.imaging.colors.spaces import Cicp, ColorSpace
from cutout.imaging.headers import av1
from cutout.imaging.headers.boxes import box_in, boxes_in
from cutout.imaging.headers.common import MAX_PARTS, MAX_PROFILE, Header, Malformed, bounded

MAX_ITEMS = 1 << 14  # a grid of 64 megapixels has so many cells of 64 x 64
MAX_FRAMES = 8  # of one item; layered ones have up to 4
MAX_TRACK_BOXES = 100  # on one level
# Pixels that all frames may have together, however small the image: the cells of a grid can reach
# far beyond it.
ALLOWED_PIXELS = 1 << 22
# EXIF's, by quarter turns anticlockwise (irot), then mirrored not, vertically, horizontally (imir).
ROTATION_THEN_MIRROR = (
    (1, 4, 2),
    (8, 5, 7),
    (3, 2, 4),
    (6, 7, 5),
)


def is_avif(data: bytes) -> bool:
    """Tell whether the brands of a file include AVIF."""
    if data[4:8] != b"ftyp":
        return False
    brands = data[8 : min(len(data), int.from_bytes(data[:4], "big"), 256)]
    return any(brands[at : at + 4] in (b"avif", b"avis") for at in range(0, len(brands), 4))


def read_avif(data: bytes) -> Header:
    """Read the header of the primary image; where there are only tracks, of the first frame.

    Raises Malformed, Truncated, LookupError, StopIteration or struct.error where it is corrupt.
    """
    kinds = {kind for kind, _, _ in bounded(boxes_in(data, 0, len(data)))}
    if b"meta" not in kinds and b"moov" in kinds:
        size = _track_size(data)
        return Header("avif", *size, frames=_check_tracks(data, size))
    meta = box_in(data, b"meta", 0, len(data))
    # Version and flags, 4 bytes, come before the boxes in a `meta`.
    inside = (meta[0] + 4, meta[1])
    properties = box_in(data, b"iprp", *inside)
    container = list(bounded(boxes_in(data, *box_in(data, b"ipco", *properties))))
    primary = _primary_item(data, box_in(data, b"pitm", *inside)[0])
    owned = _associated(data, box_in(data, b"ipma", *properties))
    own = [container[index - 1] for index in owned[primary]]
    width, height = next(
        struct.unpack_from(">II", data, start + 4) for kind, start, _ in own if kind == b"ispe"
    )
    turns = next((data[start] & 3 for kind, start, _ in own if kind == b"irot"), 0)
    mirror = next((1 + (data[start] & 1) for kind, start, _ in own if kind == b"imir"), 0)
    # In the whole container: auxC belongs to the item of the alpha, not to the image.
    has_alpha = any(
        kind == b"auxC" and b":alpha" in data[start:end] for kind, start, end in container
    )
    frames = 1
    if width and height:
        spans = {
            n: struct.unpack_from(">II", data, at + 4)
            for n, (kind, at, _) in enumerate(container, 1)
            if kind == b"ispe"
        }
        said = {
            item: next((spans[n] for n in numbers if n in spans), None)
            for item, numbers in owned.items()
        }
        _check_items(data, inside, (width, height), said)
        if b"avis" in data[8 : int.from_bytes(data[:4], "big")]:
            frames = _check_tracks(data, (width, height))
    return Header(
        "avif",
        width,
        height,
        ROTATION_THEN_MIRROR[turns][mirror],
        has_alpha,
        frames=frames,
        space=_space(data, own) or _space(data, container),
    )


def _space(data: bytes, properties: list[tuple[bytes, int, int]]) -> ColorSpace | None:
    """Return the colour space by `colr` properties: an ICC profile, or else code points (nclx)."""
    spans = [(start, end) for kind, start, end in properties if kind == b"colr"]
    for start, end in spans:
        if data[start : start + 4] in (b"prof", b"rICC") and end - start <= MAX_PROFILE:
            return data[start + 4 : end]
    for start, _ in spans:
        if data[start : start + 4] == b"nclx":
            return Cicp(*struct.unpack_from(">HH", data, start + 4))
    return None


def _primary_item(data: bytes, start: int) -> int:
    return int(struct.unpack_from(">H" if data[start] == 0 else ">I", data, start + 4)[0])


def _associated(data: bytes, box: tuple[int, int]) -> dict[int, list[int]]:
    """Return the numbers, from 1 on, of the properties of each item."""
    owned: dict[int, list[int]] = {}
    for item, number in bounded(_associations(data, *box)):
        owned.setdefault(item, []).extend([number] if number else [])
    return owned


def _associations(data: bytes, position: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (item, number of a property); 0 for an item without properties."""
    version = data[position]
    flags = data[position + 3]
    head = ">HB" if version == 0 else ">IB"
    index = "H" if flags & 1 else "B"
    # The top bit says that the property is essential.
    mask = 0x7FFF if flags & 1 else 0x7F
    position += 8
    while position < end:
        item, count = struct.unpack_from(head, data, position)
        numbers = struct.unpack_from(f">{count}{index}", data, position + struct.calcsize(head))
        yield from ((item, number & mask) for number in numbers or (0,))
        position += struct.calcsize(head) + count * struct.calcsize(index)


Extents = tuple[tuple[int, int], ...]  # start and end of the parts of a payload


class _Frames:
    """The largest width and height of the frames of payloads; each payload is read once."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.known: dict[Extents, tuple[int, int]] = {}
        self.bytes_left = 2 * len(data)
        self.units_left = MAX_PARTS

    def largest(self, extents: Extents) -> tuple[int, int]:
        """Return the largest width and height of the frames in the parts of one payload.

        Raises Malformed where they would make us read more than twice the file, or have too many
        frames.
        """
        if extents not in self.known:
            self.bytes_left -= sum(end - start for start, end in extents)
            if self.bytes_left < 0:
                raise Malformed("payloads longer than the file")
            self.known[extents] = self._largest(
                b"".join(self.data[start:end] for start, end in extents)
            )
        return self.known[extents]

    def _largest(self, stream: bytes) -> tuple[int, int]:
        width = 0
        height = 0
        frames = 0
        for kind, start, end in av1.units(stream):
            self.units_left -= 1
            frames += kind in (av1.FRAME_HEADER, av1.FRAME)
            if self.units_left < 0 or frames > MAX_FRAMES:
                raise Malformed("more frames than one image has")
            if kind == av1.SEQUENCE_HEADER:
                size = av1.frame_size(stream[start:end])
                width, height = max(width, size[0]), max(height, size[1])
        return width, height


def _check_items(
    data: bytes,
    meta: tuple[int, int],
    size: tuple[int, int],
    said: dict[int, tuple[int, int] | None],
) -> None:
    """Raise Malformed if a frame is larger than its item, or all are far larger than the image."""
    frames = _Frames(data)
    pixels = 0
    types = item_types(data, box_in(data, b"iinf", *meta))
    for item, extents in bounded(payloads(data, meta)):
        # An AV1 stream, rather than a grid of them or metadata.
        if types.get(item) == b"av01":
            width, height = frames.largest(extents)
            most = said.get(item) or size
            if width > most[0] or height > most[1]:
                raise Malformed("a frame larger than its header says")
            pixels += width * height
    if pixels > max(ALLOWED_PIXELS, 4 * size[0] * size[1]):
        raise Malformed("frames with far more pixels than the image")


def item_types(data: bytes, box: tuple[int, int]) -> dict[int, bytes]:
    """Return the type of each item by the boxes in `iinf`.

    Raises Malformed for an item that is there twice, of which a decoder might take the other type,
    and for more than MAX_ITEMS, among which libavif would search for long.
    """
    start, end = box
    types = dict[int, bytes]()
    for kind, at, _ in bounded(boxes_in(data, start + (6 if data[start] == 0 else 8), end)):
        if kind == b"infe" and data[at] >= 2:
            item, _, name = struct.unpack_from(">HH4s" if data[at] == 2 else ">IH4s", data, at + 4)
            if item in types:
                raise Malformed("an item that is there twice")
            types[item] = name
            if len(types) > MAX_ITEMS:
                raise Malformed(f"more than {MAX_ITEMS} items")
    return types


def payloads(data: bytes, meta: tuple[int, int]) -> Iterator[tuple[int, Extents]]:
    """Yield each item, and where its payload lies."""
    position, _ = box_in(data, b"iloc", *meta)
    version = data[position]
    sizes = (data[position + 4], data[position + 5])
    offset_size = sizes[0] >> 4
    length_size = sizes[0] & 15
    base_size = sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    wide = "I" if version > 1 else "H"
    count = struct.unpack_from(">" + wide, data, position + 6)[0]
    position += 6 + struct.calcsize(wide)
    head = f">{wide}{'H' if version else ''}H"
    inside = bounded(boxes_in(data, *meta))
    inline = next((start for kind, start, _ in inside if kind == b"idat"), 0)
    parts_left = MAX_PARTS
    for _ in range(count):
        item, *method, _ = struct.unpack_from(head, data, position)
        position += struct.calcsize(head)
        base = int.from_bytes(data[position : position + base_size], "big")
        # Method 1: offsets count from the start of `idat`, not of the file.
        if method and method[0] & 15:
            base += inline
        position += base_size
        parts = struct.unpack_from(">H", data, position)[0]
        position += 2
        parts_left -= parts
        if parts_left < 0:
            raise Malformed("too many parts")
        extents = []
        for _ in range(parts):
            position += index_size
            start = base + int.from_bytes(data[position : position + offset_size], "big")
            position += offset_size
            extents.append(
                (start, start + int.from_bytes(data[position : position + length_size], "big"))
            )
            position += length_size
        yield item, tuple(extents)


def _track_size(data: bytes) -> tuple[int, int]:
    """Return the size of the first track of images. Raises Malformed where there is none."""
    for kind, *track in _few_boxes(data, *box_in(data, b"moov", 0, len(data))):
        if kind == b"trak":
            width, height = _side(data, _only(data, b"tkhd", *track)[0])
            if width and height:
                return width, height
    raise Malformed("no track of images")


def _side(data: bytes, head: int) -> tuple[int, int]:
    """Return width and height in whole pixels, from the header of a track (tkhd)."""
    width, height = struct.unpack_from(">II", data, head + (88 if data[head] else 76))
    # Fixed point, 16.16 bits.
    return width >> 16, height >> 16


def _check_tracks(data: bytes, size: tuple[int, int]) -> int:
    """Count the frames of the longest track by its header.

    Raises Malformed where a track, or the first frame of one, is larger than the image.
    """
    frames = _Frames(data)
    count = 1
    for kind, *track in _few_boxes(data, *box_in(data, b"moov", 0, len(data))):
        if kind == b"trak":
            head = _only(data, b"tkhd", *track)[0]
            table = _only(data, b"stbl", *_only(data, b"minf", *_only(data, b"mdia", *track)))
            description = _only(data, b"stsd", *table)
            if b"av01" in data[slice(*description)]:
                sizes = (
                    _side(data, head),
                    frames.largest((_first_sample(data, table),)),
                )
                if any(width > size[0] or height > size[1] for width, height in sizes):
                    raise Malformed("a track larger than the image")
                lengths = _only(data, b"stsz", *table)[0]
                count = max(count, int(struct.unpack_from(">I", data, lengths + 8)[0]))
                if count > MAX_PARTS:
                    raise Malformed(f"a track of {count} frames; {MAX_PARTS} are read")
    return count


def _first_sample(data: bytes, table: tuple[int, int]) -> tuple[int, int]:
    kinds = [kind for kind, _, _ in _few_boxes(data, *table) if kind in (b"stco", b"co64")]
    if len(kinds) != 1:
        raise Malformed("not exactly one list of chunks")
    start = struct.unpack_from(
        ">I" if kinds == [b"stco"] else ">Q", data, _only(data, kinds[0], *table)[0] + 8
    )[0]
    sizes = _only(data, b"stsz", *table)[0]
    every, first = struct.unpack_from(">I4xI", data, sizes + 4)
    # A common size of 0 means that each sample has its own.
    return start, start + (every or first)


def _few_boxes(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    boxes = list(islice(boxes_in(data, start, end), MAX_TRACK_BOXES + 1))
    if len(boxes) > MAX_TRACK_BOXES:
        raise Malformed("too many boxes")
    return boxes


def _only(data: bytes, wanted: bytes, start: int, end: int) -> tuple[int, int]:
    """Return start and end of the only box of a kind. Raises ValueError if there is not one."""
    ((begin, stop),) = [
        (begin, stop) for kind, begin, stop in _few_boxes(data, start, end) if kind == wanted
    ]
    return begin, stop
