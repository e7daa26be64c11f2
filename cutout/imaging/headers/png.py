"""PNG headers (W3C PNG, 3rd edition)."""

import struct
import zlib

from cutout.imaging.colors.spaces import Calibration, Cicp, ColorSpace
from cutout.imaging.headers.common import MAX_PROFILE, Header, Truncated, bounded, chunks
from cutout.imaging.headers.exif import exif_orientation

SPACES = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")


def read_png(data: bytes) -> Header:
    width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
    orientation, has_alpha, gray_key = 0, color in (4, 6), None
    spaces, truncated = dict[bytes, tuple[int, int]](), True
    for kind, start, end in bounded(chunks(data, 8, ">I4s", 4)):
        is_cut = end + 4 > len(data)
        if kind == b"IEND" or (kind == b"IDAT" and is_cut):
            truncated = is_cut
            break
        # OpenCV would allocate what a chunk announces, up to 2 GB, before it looks for it
        if end > len(data):
            raise Truncated("a chunk ends beyond the file")
        if kind == b"eXIf" and not orientation:  # one is all that PNG allows
            orientation = exif_orientation(data[start:end])
        elif kind in SPACES:
            spaces.setdefault(kind, (start, end))
        elif kind == b"tRNS":
            has_alpha = True
            gray_key = _gray_key(data, start, depth) if color == 0 else None
    return Header(
        "png",
        width,
        height,
        orientation or 1,
        has_alpha,
        gray_key,
        truncated=truncated,
        model="gray" if color in (0, 4) else "rgb",
        space=_space({kind: data[slice(*span)] for kind, span in spaces.items()}),
    )


def _gray_key(data: bytes, start: int, depth: int) -> int:
    """The transparent grey, of 16 bits where the image has them, else of 8."""
    key = int(struct.unpack_from(">H", data, start)[0])
    return key if depth == 16 else round(key * 255 / max(1, (1 << min(depth, 8)) - 1))


def _space(chunk: dict[bytes, bytes]) -> ColorSpace | None:
    """The colours by the chunks of a PNG, the first kind of SPACES before the others."""
    if len(cicp := chunk.get(b"cICP", b"")) == 4 and cicp[2] == 0:
        return Cicp(cicp[0], cicp[1])
    if b"iCCP" in chunk:
        return _profile(chunk[b"iCCP"])
    if b"sRGB" in chunk or not (b"gAMA" in chunk or b"cHRM" in chunk):
        return None
    gamma, corners = chunk.get(b"gAMA", b""), chunk.get(b"cHRM", b"")
    return Calibration(
        struct.unpack(">I", gamma)[0] / 100_000 if len(gamma) == 4 else None,
        tuple(v / 100_000 for v in struct.unpack(">8I", corners)) if len(corners) == 32 else None,
    )


def _profile(chunk: bytes) -> bytes:
    """The ICC profile in an iCCP; b"" where it is broken, or longer than MAX_PROFILE."""
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(chunk[chunk.index(b"\0") + 2 :], MAX_PROFILE)
    except (ValueError, zlib.error):
        return b""
    return profile if inflate.eof else b""
