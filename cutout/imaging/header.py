"""What a picture file says of itself before a pixel of it is decoded: format, size, orientation, transparency.

Small readers of our own, because the cap on pixels, the EXIF orientation in every format and the presence of alpha
are all wanted at once, from bytes that nobody has vouched for. Each loop is bounded, whatever the bytes say.
Sources: ITU T.81 (JPEG), W3C PNG 3rd edition, RFC 9649 (WebP), GIF89a, BMP (DIB headers), TIFF 6.0 and BigTIFF,
EXIF 2.3, ISO/IEC 14496-12 and 23008-12 (boxes of AVIF); what is in those is read by `cutout.imaging.av1`.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeVar

from cutout.errors import EmptyPicture, UndecodablePicture, UnsupportedFormat
from cutout.imaging import av1

T = TypeVar("T")
FileFormat = Literal["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"]

MAX_PARTS = 50_000  # chunks, segments, boxes or tags looked at; no real file comes near, a hostile one costs 20 ms
MAX_FRAMES = 8  # of one AVIF item; layered ones have up to 4
MAX_TRACK_BOXES = 100  # on one level
FEW_PIXELS = 1 << 22  # that AVIF frames may always have in all: the cells of a grid can reach far beyond it
FEW_TILE_PIXELS = 16 << 20  # that the tiles of a TIFF may always have in all: those at its edges reach beyond it
MAX_SCANS = 200  # of a JPEG; a progressive one has about 10. Each costs a pass over the picture, however few its bytes

WIDTH, HEIGHT, ORIENTATION, TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES = 256, 257, 274, 322, 323, 338  # TIFF tags
ASSOCIATED_ALPHA = 1  # what EXTRA_SAMPLES says of colours that are multiplied by it
TIFF_SIZES = frozenset({WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT})
WHOLE_NUMBERS = {False: frozenset({3, 4}), True: frozenset({3, 4, 16})}  # SHORT and LONG; LONG8 in BigTIFF alone
FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})  # JPEG's SOF markers
JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)  # of those that have a length, or the end
ROTATION_THEN_MIRROR = (  # AVIF: quarter turns anticlockwise, then none, top to bottom, left to right -> EXIF
    (1, 4, 2),
    (8, 5, 7),
    (3, 2, 4),
    (6, 7, 5),
)


@dataclass(frozen=True)
class Header:
    """Width and height are those stored; `orientation` is EXIF's, 1 to 8, and still to be applied.

    `has_alpha`: the file may carry transparency. `gray_key`: the grey that a PNG declares transparent, in 16 bits where
    it has them, else in 8. `sample_max`: the largest value of samples that take 16 bits. `premultiplied`: the colours
    of a TIFF are stored multiplied by its alpha.
    """

    format: FileFormat
    width: int
    height: int
    orientation: int = 1
    has_alpha: bool = False
    gray_key: int | None = None
    sample_max: int = 65535
    premultiplied: bool = False

    @property
    def upright(self) -> tuple[int, int]:
        """(width, height) once the orientation is applied."""
        return (self.height, self.width) if self.orientation > 4 else (self.width, self.height)


def sniff(data: bytes) -> Header:
    """The header of a picture file, by its content. Raises UnsupportedFormat or UndecodablePicture, nothing else."""
    if not data:
        raise UnsupportedFormat("the file is empty")
    for is_of_format, read in _READERS:
        if is_of_format(data):
            try:
                header = read(data)
            except (LookupError, OverflowError, StopIteration, ValueError, struct.error) as error:
                raise UndecodablePicture("the picture's header is broken or cut off") from error
            if header.width <= 0 or header.height <= 0:
                raise EmptyPicture("the picture has no width or no height")
            return header
    raise UnsupportedFormat("not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF picture")


def _bounded(parts: Iterator[T]) -> Iterator[T]:
    """The parts. Raises ValueError where they are more than MAX_PARTS: decoders would go on, and warn of each."""
    for number, part in enumerate(parts):
        if number == MAX_PARTS:
            raise ValueError("too many parts")
        yield part


# ---- JPEG


def _read_jpeg(data: bytes) -> Header:
    orientation = 0
    for marker, start, end in _bounded(_jpeg_segments(data)):
        if marker == 0xE1 and not orientation and data.startswith(b"Exif\0\0", start):
            orientation = _exif_orientation(data[start + 6 : end])
        elif marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, start + 1)
            interleaved = marker in (0xC0, 0xC1) and _first_scan_has(data[start + 5], data, end)
            if not interleaved and _has_too_many_scans(data, end):
                raise ValueError("too many scans")
            return Header("jpeg", width, height, orientation or 1)
    raise ValueError("no frame header")


def _jpeg_segments(data: bytes, position: int = 2) -> Iterator[tuple[int, int, int]]:
    """(marker, start and end of what follows its length), up to the end of the picture. Skips what is no marker."""
    while (found := JPEG_MARKER.search(data, position)) and found[1] != b"\xd9":
        start = found.end()
        position = start + struct.unpack_from(">H", data, start)[0]
        yield found[1][0], start + 2, position


def _first_scan_has(components: int, data: bytes, position: int) -> bool:
    """Whether all of them are in it: then decoders take no other scan of a sequential JPEG."""
    first = next((start for marker, start, _ in _bounded(_jpeg_segments(data, position)) if marker == 0xDA), None)
    return first is not None and data[first] == components


def _has_too_many_scans(data: bytes, position: int) -> bool:
    if data.count(b"\xff\xda", position) <= MAX_SCANS:  # a fast upper bound, which nearly every file passes
        return False
    scans = (marker for marker, _, _ in _bounded(_jpeg_segments(data, position)) if marker == 0xDA)
    return sum(1 for _ in islice(scans, MAX_SCANS + 1)) > MAX_SCANS


# ---- PNG


def _read_png(data: bytes) -> Header:
    width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
    orientation, has_alpha, gray_key = 1, color in (4, 6), None
    for kind, start, end in _bounded(_chunks(data, 8, ">I4s", 4)):
        if end > len(data):  # OpenCV would allocate what a chunk announces, up to 2 GB, before it looks for it
            raise ValueError("a chunk that is cut off")
        if kind == b"IEND":
            break
        if kind == b"eXIf":
            orientation = _exif_orientation(data[start:end])
        elif kind == b"tRNS":
            has_alpha = True
            if color == 0:
                key = struct.unpack_from(">H", data, start)[0]
                gray_key = key if depth == 16 else round(key * 255 / max(1, (1 << min(depth, 8)) - 1))
    return Header("png", width, height, orientation, has_alpha, gray_key)


def without_texts(png: bytes) -> bytes:
    """A PNG that `sniff` took, less its zTXt and iTXt: libpng would unpack all of them, up to 8 MB from each 8 kB."""
    kept, position = [], 0
    for kind, start, end in _chunks(png, 8, ">I4s", 4):
        if kind == b"IEND":
            break
        if kind in (b"zTXt", b"iTXt"):
            kept.append(png[position : start - 8])
            position = end + 4
    return b"".join([*kept, png[position:]]) if kept else png


def _chunks(data: bytes, position: int, layout: str, trailer: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of the chunks of a PNG (length, kind, body, checksum) or a RIFF file (kind, length, body)."""
    while position + 8 <= len(data):
        first, second = struct.unpack_from(layout, data, position)
        kind, length = (second, first) if isinstance(first, int) else (first, second)
        yield kind, position + 8, position + 8 + length
        position += 8 + length + trailer
        if not trailer:  # RIFF keeps chunks at even places
            position += length & 1


# ---- WebP


def _read_webp(data: bytes) -> Header:
    chunks = list(_bounded(_chunks(data, 12, "<4sI", 0)))
    kind, start, _ = chunks[0]
    if kind == b"VP8X":
        width, height = (1 + int.from_bytes(data[start + at : start + at + 3], "little") for at in (4, 7))
        orientation = next((_exif_orientation(data[begin:end]) for name, begin, end in chunks if name == b"EXIF"), 1)
        return Header("webp", width, height, orientation, has_alpha=bool(data[start] & 0x10))
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, start + 1)[0]
        return Header("webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), has_alpha=bool(bits >> 28 & 1))
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, start + 6)
        return Header("webp", width & 0x3FFF, height & 0x3FFF)
    raise ValueError("no picture in it")


# ---- GIF and BMP


def _read_gif(data: bytes) -> Header:
    width, height = struct.unpack_from("<HH", data, 6)
    return Header("gif", width, height, has_alpha=True)  # may be: it is said frame by frame


def _read_bmp(data: bytes) -> Header:
    size = struct.unpack_from("<I", data, 14)[0]
    if size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return Header("bmp", width, height)
    width, height = struct.unpack_from("<ii", data, 18)
    bits = struct.unpack_from("<H", data, 28)[0]
    # The fourth byte is padding where no mask, the last of four from V3 on, says that it is alpha.
    has_alpha = bits == 32 and size >= 56 and struct.unpack_from("<I", data, 66)[0] != 0
    return Header("bmp", width, abs(height), has_alpha=has_alpha)


# ---- TIFF, and the EXIF blocks that are TIFFs


def _read_tiff(data: bytes) -> Header:
    tags: dict[int, int] = {}
    for tag, kind, count, value in _tiff_entries(data):
        # Of other types, and of repeated tags, libtiff may take another value than any rule here would.
        if tag in TIFF_SIZES and (tag in tags or kind not in WHOLE_NUMBERS[_is_big_tiff(data)] or count != 1):
            raise ValueError("a size that can be read in two ways")
        tags.setdefault(tag, value)
    width, height = tags[WIDTH], tags[HEIGHT]
    tile_width, tile_height = tags.get(TILE_WIDTH) or width, tags.get(TILE_HEIGHT) or height
    across, down = -(-width // max(1, tile_width)), -(-height // max(1, tile_height))
    if across * tile_width * down * tile_height > max(FEW_TILE_PIXELS, 4 * width * height):
        raise ValueError("tiles far larger than the picture")
    # OpenCV always applies a TIFF's orientation
    premultiplied = tags.get(EXTRA_SAMPLES) == ASSOCIATED_ALPHA
    return Header("tiff", width, height, has_alpha=EXTRA_SAMPLES in tags, premultiplied=premultiplied)


def _exif_orientation(block: bytes) -> int:
    """EXIF orientation 1 to 8; 1 where the block is broken: a wrong turn is better than no picture."""
    try:
        entries = _tiff_entries(block.removeprefix(b"Exif\0\0"))
        orientation = next((value for tag, kind, _, value in entries if tag == ORIENTATION and kind in (1, 3, 4)), 1)
    except (OverflowError, ValueError, struct.error):
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _is_big_tiff(data: bytes) -> bool:
    return data[:4] in (b"II+\0", b"MM\0+")


def _tiff_entries(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(tag, type, count, first value) of the first directory, which is the one that OpenCV reads.

    The value is what stands in the entry itself: no more than a place in the file where the values do not fit in.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise ValueError("no byte order")
    is_big = _is_big_tiff(data)
    word, head, inline = ("Q", "HHQ", 12) if is_big else ("I", "HHI", 8)
    offset = struct.unpack_from(order + word, data, 8 if is_big else 4)[0]
    entries = struct.unpack_from(order + ("Q" if is_big else "H"), data, offset)[0]
    first, step = (offset + 8, 20) if is_big else (offset + 2, 12)
    for entry in _bounded(iter(range(first, first + step * entries, step))):
        tag, kind, count = struct.unpack_from(order + head, data, entry)
        code = {1: "B", 3: "H", 4: "I"}.get(kind, word)
        yield tag, kind, count, struct.unpack_from(order + code, data, entry + inline)[0]


# ---- AVIF


def _read_avif(data: bytes) -> Header:
    meta = _box(data, b"meta", 0, len(data))
    inside = (meta[0] + 4, meta[1])
    properties = _box(data, b"iprp", *inside)
    container = list(_bounded(_boxes(data, *_box(data, b"ipco", *properties))))
    primary = _primary_item(data, _box(data, b"pitm", *inside)[0])
    owned = _associated(data, _box(data, b"ipma", *properties))
    own = [container[index - 1] for index in owned[primary]]
    width, height = next(struct.unpack_from(">II", data, start + 4) for kind, start, _ in own if kind == b"ispe")
    turns = next((data[start] & 3 for kind, start, _ in own if kind == b"irot"), 0)
    mirror = next((1 + (data[start] & 1) for kind, start, _ in own if kind == b"imir"), 0)
    has_alpha = any(kind == b"auxC" and b":alpha" in data[start:end] for kind, start, end in container)
    depth = next((data[start + 2] >> 5 & 3 for kind, start, _ in own if kind == b"av1C"), 0)
    sample_max = {2: 1023, 3: 4095}.get(depth, 255)
    if width and height:
        spans = {
            n: struct.unpack_from(">II", data, at + 4)
            for n, (kind, at, _) in enumerate(container, 1)
            if kind == b"ispe"
        }
        said = {item: next((spans[n] for n in numbers if n in spans), None) for item, numbers in owned.items()}
        _check_items(data, inside, (width, height), said)
        if b"avis" in data[8 : int.from_bytes(data[:4], "big")]:
            _check_tracks(data, (width, height))
    return Header("avif", width, height, ROTATION_THEN_MIRROR[turns][mirror], has_alpha, sample_max=sample_max)


def _boxes(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of the boxes between two places."""
    end = min(end, len(data))
    while position + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if size == 1:
            size, start = struct.unpack_from(">Q", data, start)[0], start + 8
        stop = end if size == 0 else min(end, position + size)
        if stop < start:
            raise ValueError("a box smaller than its own head")
        yield kind, start, stop
        position = stop


def _box(data: bytes, wanted: bytes, position: int, end: int) -> tuple[int, int]:
    """Start and end of the first box of a kind. Raises ValueError where there is none."""
    for kind, start, stop in _bounded(_boxes(data, position, end)):
        if kind == wanted:
            return start, stop
    raise ValueError("a box is missing")


def _primary_item(data: bytes, start: int) -> int:
    return int(struct.unpack_from(">H" if data[start] == 0 else ">I", data, start + 4)[0])


def _associated(data: bytes, box: tuple[int, int]) -> dict[int, list[int]]:
    """The numbers, from 1 on, of the properties that belong to each item."""
    owned: dict[int, list[int]] = {}
    for item, number in _bounded(_associations(data, *box)):
        owned.setdefault(item, []).extend([number] if number else [])
    return owned


def _associations(data: bytes, position: int, end: int) -> Iterator[tuple[int, int]]:
    """(item, number of a property), with 0 for an item of none."""
    version, flags = data[position], data[position + 3]
    head, index, mask = (">HB" if version == 0 else ">IB"), ("H" if flags & 1 else "B"), (0x7FFF if flags & 1 else 0x7F)
    position += 8
    while position < end:
        item, count = struct.unpack_from(head, data, position)
        numbers = struct.unpack_from(f">{count}{index}", data, position + struct.calcsize(head))
        yield from ((item, number & mask) for number in numbers or (0,))
        position += struct.calcsize(head) + count * struct.calcsize(index)


# ---- The frames of an AVIF: libavif decodes them as large as they are, and scales them to what the boxes say

Extents = tuple[tuple[int, int], ...]  # start and end of the parts of a payload


class _Frames:
    """The largest width and height of the frames of payloads, each read once: items may share one."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.known: dict[Extents, tuple[int, int]] = {}
        self.bytes_left, self.units_left = 2 * len(data), MAX_PARTS

    def largest(self, extents: Extents) -> tuple[int, int]:
        if extents not in self.known:
            self.bytes_left -= sum(end - start for start, end in extents)
            if self.bytes_left < 0:
                raise ValueError("payloads longer than the file")
            self.known[extents] = self._largest(b"".join(self.data[start:end] for start, end in extents))
        return self.known[extents]

    def _largest(self, stream: bytes) -> tuple[int, int]:
        width, height, frames = 0, 0, 0
        for kind, start, end in av1.units(stream):
            self.units_left -= 1
            frames += kind in (av1.FRAME_HEADER, av1.FRAME)
            if self.units_left < 0 or frames > MAX_FRAMES:
                raise ValueError("far more in it than one picture")
            if kind == av1.SEQUENCE_HEADER:
                size = av1.frame_size(stream[start:end])
                width, height = max(width, size[0]), max(height, size[1])
        return width, height


def _check_items(
    data: bytes, meta: tuple[int, int], size: tuple[int, int], said: dict[int, tuple[int, int] | None]
) -> None:
    """Raises ValueError where a frame is larger than its item is said to be, or all are far larger than the picture."""
    frames, pixels, coded = _Frames(data), 0, _coded_items(data, _box(data, b"iinf", *meta))
    for item, extents in _bounded(_payloads(data, meta)):
        if item in coded:
            width, height = frames.largest(extents)
            most = said.get(item) or size
            if width > most[0] or height > most[1]:
                raise ValueError("a frame larger than it is said to be")
            pixels += width * height
    if pixels > max(FEW_PIXELS, 4 * size[0] * size[1]):
        raise ValueError("frames of far more pixels than the picture")


def _coded_items(data: bytes, box: tuple[int, int]) -> set[int]:
    """The items that are AV1 streams, rather than grids of them or metadata."""
    start, end = box
    coded = set()
    for kind, at, _ in _bounded(_boxes(data, start + (6 if data[start] == 0 else 8), end)):
        if kind == b"infe" and data[at] >= 2:
            item, _, name = struct.unpack_from(">HH4s" if data[at] == 2 else ">IH4s", data, at + 4)
            if name == b"av01":
                coded.add(item)
    return coded


def _payloads(data: bytes, meta: tuple[int, int]) -> Iterator[tuple[int, Extents]]:
    """Each item, and where its payload lies."""
    position, _ = _box(data, b"iloc", *meta)
    version, sizes = data[position], (data[position + 4], data[position + 5])
    offset_size, length_size, base_size = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4
    index_size = sizes[1] & 15 if version else 0
    wide = "I" if version > 1 else "H"
    count = struct.unpack_from(">" + wide, data, position + 6)[0]
    position += 6 + struct.calcsize(wide)
    head = f">{wide}{'H' if version else ''}H"
    inline = next((start for kind, start, _ in _bounded(_boxes(data, *meta)) if kind == b"idat"), 0)
    parts_left = MAX_PARTS
    for _ in range(count):
        item, *method, _ = struct.unpack_from(head, data, position)
        position += struct.calcsize(head)
        base = int.from_bytes(data[position : position + base_size], "big")
        if method and method[0] & 15:
            base += inline
        position += base_size
        parts = struct.unpack_from(">H", data, position)[0]
        position += 2
        parts_left -= parts
        if parts_left < 0:
            raise ValueError("too many parts")
        extents = []
        for _ in range(parts):
            position += index_size
            start = base + int.from_bytes(data[position : position + offset_size], "big")
            position += offset_size
            extents.append((start, start + int.from_bytes(data[position : position + length_size], "big")))
            position += length_size
        yield item, tuple(extents)


def _check_tracks(data: bytes, size: tuple[int, int]) -> None:
    """Raises ValueError where a track, or the first frame of one, is larger than the picture."""
    frames = _Frames(data)
    for kind, *track in _few_boxes(data, *_box(data, b"moov", 0, len(data))):
        if kind == b"trak":
            head = _only(data, b"tkhd", *track)[0]
            table = _only(data, b"stbl", *_only(data, b"minf", *_only(data, b"mdia", *track)))
            description = _only(data, b"stsd", *table)
            if b"av01" in data[slice(*description)]:
                side = struct.unpack_from(">II", data, head + (88 if data[head] else 76))
                sizes = (side[0] >> 16, side[1] >> 16), frames.largest((_first_sample(data, table),))
                if any(width > size[0] or height > size[1] for width, height in sizes):
                    raise ValueError("a track larger than the picture")


def _first_sample(data: bytes, table: tuple[int, int]) -> tuple[int, int]:
    kinds = [kind for kind, _, _ in _few_boxes(data, *table) if kind in (b"stco", b"co64")]
    if len(kinds) != 1:
        raise ValueError("no list of chunks, or two")
    start = struct.unpack_from(">I" if kinds == [b"stco"] else ">Q", data, _only(data, kinds[0], *table)[0] + 8)[0]
    sizes = _only(data, b"stsz", *table)[0]
    every, first = struct.unpack_from(">I4xI", data, sizes + 4)
    return start, start + (every or first)


def _few_boxes(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    boxes = list(islice(_boxes(data, start, end), MAX_TRACK_BOXES + 1))
    if len(boxes) > MAX_TRACK_BOXES:
        raise ValueError("too many boxes")
    return boxes


def _only(data: bytes, wanted: bytes, start: int, end: int) -> tuple[int, int]:
    """Start and end of the one box of a kind. Raises ValueError where there is none, or another."""
    ((begin, stop),) = [(begin, stop) for kind, begin, stop in _few_boxes(data, start, end) if kind == wanted]
    return begin, stop


def _is_avif(data: bytes) -> bool:
    if data[4:8] != b"ftyp":
        return False
    brands = data[8 : min(len(data), int.from_bytes(data[:4], "big"), 256)]
    return any(brands[at : at + 4] in (b"avif", b"avis") for at in range(0, len(brands), 4))


_READERS: tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Header]], ...] = (
    (lambda data: data.startswith(b"\xff\xd8\xff"), _read_jpeg),
    (lambda data: data.startswith(b"\x89PNG\r\n\x1a\n"), _read_png),
    (lambda data: data.startswith(b"RIFF") and data[8:12] == b"WEBP", _read_webp),
    (lambda data: data.startswith((b"GIF87a", b"GIF89a")), _read_gif),
    (lambda data: data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")), _read_tiff),
    (_is_avif, _read_avif),
    (lambda data: data.startswith(b"BM"), _read_bmp),
)
