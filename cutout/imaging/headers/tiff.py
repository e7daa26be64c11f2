"""TIFF headers (TIFF 6.0, BigTIFF)."""

import struct

from cutout.imaging.headers.common import MAX_PROFILE, ColorModel, Header, Malformed, NotRead
from cutout.imaging.headers.exif import ORIENTATION, is_big_tiff, tiff_entries
from cutout.imaging.headers.tiff_strips import (
    APART,
    BITS,
    COMPRESSION,
    HEIGHT,
    PLANAR,
    SAMPLES,
    TILE_HEIGHT,
    TILE_WIDTH,
    WIDTH,
    lacks_strips,
    share_bytes,
)

# Pixels that all tiles may have together, however small the image: those at its edges reach beyond
# it.
ALLOWED_TILE_PIXELS = 16 << 20
EXTRA_SAMPLES = 338  # a tag
SAMPLE_FORMAT = 339  # a tag
SIGNED = 2  # of SAMPLE_FORMAT
FLOAT = 3  # of SAMPLE_FORMAT
MOST_BITS = 16  # of a sample; others OpenCV would decode, into gigabytes, to be refused then
MAX_INLINE = 2  # samples whose bits fit into the entry itself
COMPRESSIONS = {
    1: "none",
    5: "LZW",
    6: "old-style JPEG",
    7: "JPEG",
    8: "Deflate",
    32773: "PackBits",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
}
PHOTOMETRIC = 262
ICC = 34675
RGB, PALETTE, LAB = 2, 3, frozenset({8, 9, 10})  # values of PHOTOMETRIC
MODELS: dict[int, ColorModel] = {0: "gray", 1: "gray", 5: "cmyk"}
ASSOCIATED_ALPHA = 1  # what EXTRA_SAMPLES says of colours that are multiplied by it
UNSPECIFIED = 0  # the same of a sample that is no alpha, such as a saved selection
SIZES = frozenset({WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT})
# SHORT and LONG; LONG8 only in a BigTIFF, which the keys tell.
WHOLE_NUMBERS = {False: frozenset({3, 4}), True: frozenset({3, 4, 16})}


def read_tiff(data: bytes) -> Header:
    """Read the header of a TIFF.

    Raises Malformed where its size is ambiguous or its tiles are far larger than the image, NotRead
    for variants that OpenCV reads wrongly, Truncated, KeyError or struct.error where it is corrupt.
    """
    tags = dict[int, int]()
    profile = None
    for tag, kind, count, value in tiff_entries(data):
        # Of other types, and of repeated tags, libtiff may take another value than we would.
        if tag in SIZES and (
            tag in tags or kind not in WHOLE_NUMBERS[is_big_tiff(data)] or count != 1
        ):
            raise Malformed("its size is given twice or in an unusual type")
        tags.setdefault(tag, value)
        if tag == ICC and profile is None:
            profile = data[value : value + count] if count <= MAX_PROFILE else b""
        # So many values of 2 bytes don't fit into the entry, which holds their offset instead.
        if tag in (BITS, SAMPLE_FORMAT) and count > (4 if is_big_tiff(data) else 2):
            tags[tag] = struct.unpack_from("<H" if data[:1] == b"I" else ">H", data, value)[0]
    width, height = tags[WIDTH], tags[HEIGHT]
    tile_width = tags.get(TILE_WIDTH) or width
    tile_height = tags.get(TILE_HEIGHT) or height
    across, down = -(-width // max(1, tile_width)), -(-height // max(1, tile_height))
    if across * tile_width * down * tile_height > max(ALLOWED_TILE_PIXELS, 4 * width * height):
        raise Malformed("tiles far larger than the image")
    if share_bytes(data):
        raise Malformed("its strips, tiles or tags have more bytes than the file")
    _check_variant(tags)
    orientation = tags.get(ORIENTATION, 1)
    is_rgb = tags.get(PHOTOMETRIC) == RGB
    extra = tags.get(EXTRA_SAMPLES)
    return Header(
        "tiff",
        width,
        height,
        orientation if 1 <= orientation <= 8 else 1,
        has_alpha=extra is not None and not (is_rgb and extra == UNSPECIFIED),
        premultiplied=extra == ASSOCIATED_ALPHA,
        turned_by_decoder=True,
        truncated=tags.get(PLANAR) == APART and lacks_strips(data),
        model=MODELS.get(tags.get(PHOTOMETRIC, 2), "rgb"),
        space=profile,
    )


def _check_variant(tags: dict[int, int]) -> None:
    """Raise NotRead for what OpenCV reads wrongly."""
    if tags.get(PHOTOMETRIC) in LAB:
        raise NotRead("colours in CIELab")
    if tags.get(PHOTOMETRIC) == PALETTE and EXTRA_SAMPLES in tags:
        raise NotRead("a palette with transparency")
    if (bits := tags.get(BITS, 1)) > MOST_BITS:
        raise NotRead(f"{bits} bits a sample")
    if tags.get(SAMPLE_FORMAT) == SIGNED:
        raise NotRead("signed samples")
    if tags.get(PLANAR) == APART and tags.get(BITS) == 16 and tags.get(SAMPLES, 1) > 3:
        raise NotRead("16 bits with alpha in separate planes")


def describe(data: bytes) -> str:
    """Describe the kind of a TIFF for a message: bits, compression, samples."""
    tags = {tag: value for tag, _, count, value in tiff_entries(data) if count == 1 or tag == BITS}
    compression = tags.get(COMPRESSION, 1)
    parts = [f"compression {COMPRESSIONS.get(compression, compression)}"]
    if (samples := tags.get(SAMPLES, 1)) <= MAX_INLINE:
        parts.insert(0, f"{tags.get(BITS, 1)} bits")
    if tags.get(SAMPLE_FORMAT) == FLOAT:
        parts.append("floats")
    return ", ".join([*parts, f"{samples} samples a pixel"])
