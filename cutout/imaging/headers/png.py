"""PNG headers (W3C PNG, 3rd edition)."""

import struct
import zlib

from cutout.imaging.colors.spaces import Calibration, Cicp, ColorSpace
from cutout.imaging.headers.common import MAX_PROFILE, Header, Truncated, bounded, chunks
from cutout.imaging.headers.exif import exif_orientation
from cutout.imaging.headers.png_texts import orientation_of

TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Of these, only the first chunk of each type is read.
FIRST = frozenset({b"acTL", b"cICP", b"cHRM", b"eXIf", b"gAMA", b"iCCP", b"sRGB", b"tRNS"})


def read_png(data: bytes) -> Header:
    """Read the header of a PNG, and whether its pixel data is truncated.

    Raises Truncated where another chunk ends beyond the file, Malformed where there are too many,
    and struct.error where the first is truncated.
    """
    width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
    first = dict[bytes, bytes]()
    texts = list[tuple[bytes, bytes]]()
    truncated = True
    for kind, start, end in bounded(chunks(data, 8, ">I4s", 4)):
        # 4 bytes of checksum belong to a chunk too.
        is_cut = end + 4 > len(data)
        if kind == b"IEND" or (kind == b"IDAT" and is_cut):
            truncated = is_cut
            break
        # OpenCV would allocate what a chunk announces, up to 2 GB, before it looks for it
        if end > len(data):
            raise Truncated("a chunk ends beyond the file")
        if kind in FIRST:  # of these, one is all that PNG allows
            first.setdefault(kind, data[start:end])
        elif kind in TEXTS:
            texts.append((kind, data[start:end]))
    exif = first.get(b"eXIf")
    return Header(
        "png",
        width,
        height,
        orientation_of(texts) if exif is None else exif_orientation(exif),
        color in (4, 6) or b"tRNS" in first,
        _gray_key(first[b"tRNS"], depth) if color == 0 and b"tRNS" in first else None,
        truncated=truncated,
        frames=max(1, int.from_bytes(first.get(b"acTL", b"")[:4], "big")),
        model="gray" if color in (0, 4) else "rgb",
        space=_space(first),
    )


def _gray_key(chunk: bytes, depth: int) -> int:
    """Return the transparent grey, of 16 bits where the image has them, else of 8."""
    key = int(struct.unpack_from(">H", chunk)[0])
    return key if depth == 16 else round(key * 255 / max(1, (1 << min(depth, 8)) - 1))


def _space(chunk: dict[bytes, bytes]) -> ColorSpace | None:
    """Return the colour space by the chunks of a PNG: cICP before iCCP before sRGB."""
    # A matrix other than 0 would mean YCbCr, which a PNG does not hold.
    if len(cicp := chunk.get(b"cICP", b"")) == 4 and cicp[2] == 0:
        return Cicp(cicp[0], cicp[1])
    if b"iCCP" in chunk:
        return _profile(chunk[b"iCCP"])
    if b"sRGB" in chunk or not (b"gAMA" in chunk or b"cHRM" in chunk):
        return None
    gamma = chunk.get(b"gAMA", b"")
    corners = chunk.get(b"cHRM", b"")
    return Calibration(
        struct.unpack(">I", gamma)[0] / 100_000 if len(gamma) == 4 else None,
        tuple(v / 100_000 for v in struct.unpack(">8I", corners)) if len(corners) == 32 else None,
    )


def _profile(chunk: bytes) -> bytes:
    """Return the ICC profile in an iCCP; b"" where it is corrupt, or longer than MAX_PROFILE."""
    inflate = zlib.decompressobj()
    try:
        # Behind the name come its end and the method. Of a longer profile `eof` is False.
        profile = inflate.decompress(chunk[chunk.index(b"\0") + 2 :], MAX_PROFILE)
    except (ValueError, zlib.error):
        return b""
    return profile if inflate.eof else b""
