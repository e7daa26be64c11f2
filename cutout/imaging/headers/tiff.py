"""TIFF headers (TIFF 6.0, BigTIFF)."""

from cutout.imaging.headers.common import MAX_PROFILE, ColorModel, Header, Malformed
from cutout.imaging.headers.exif import ORIENTATION, is_big_tiff, tiff_entries

FEW_TILE_PIXELS = (
    16 << 20
)  # that the tiles may always have in all: those at the edges reach beyond the image
WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT, EXTRA_SAMPLES = 256, 257, 322, 323, 338  # tags
PHOTOMETRIC, ICC = 262, 34675
MODELS: dict[int, ColorModel] = {0: "gray", 1: "gray", 5: "cmyk"}
ASSOCIATED_ALPHA = 1  # what EXTRA_SAMPLES says of colours that are multiplied by it
SIZES = frozenset({WIDTH, HEIGHT, TILE_WIDTH, TILE_HEIGHT})
WHOLE_NUMBERS = {
    False: frozenset({3, 4}),
    True: frozenset({3, 4, 16}),
}  # SHORT and LONG; LONG8 in BigTIFF alone


def read_tiff(data: bytes) -> Header:
    tags, profile = dict[int, int](), None
    for tag, kind, count, value in tiff_entries(data):
        # Of other types, and of repeated tags, libtiff may take another value than any rule here
        # would.
        if tag in SIZES and (
            tag in tags or kind not in WHOLE_NUMBERS[is_big_tiff(data)] or count != 1
        ):
            raise Malformed("its size is given twice or in an unusual type")
        tags.setdefault(tag, value)
        if tag == ICC:
            profile = data[value : value + count] if count <= MAX_PROFILE else b""
    width, height = tags[WIDTH], tags[HEIGHT]
    tile_width, tile_height = tags.get(TILE_WIDTH) or width, tags.get(TILE_HEIGHT) or height
    across, down = -(-width // max(1, tile_width)), -(-height // max(1, tile_height))
    if across * tile_width * down * tile_height > max(FEW_TILE_PIXELS, 4 * width * height):
        raise Malformed("tiles far larger than the image")
    orientation = tags.get(ORIENTATION, 1)
    return Header(
        "tiff",
        width,
        height,
        orientation if 1 <= orientation <= 8 else 1,
        has_alpha=EXTRA_SAMPLES in tags,
        premultiplied=tags.get(EXTRA_SAMPLES) == ASSOCIATED_ALPHA,
        turned_by_decoder=True,
        model=MODELS.get(tags.get(PHOTOMETRIC, 2), "rgb"),
        space=profile,
    )
