"""GIF (GIF89a) and BMP (DIB) headers."""

import struct

from cutout.imaging.headers.common import MAX_PROFILE, Header


def read_gif(data: bytes) -> Header:
    width, height = struct.unpack_from("<HH", data, 6)
    return Header("gif", width, height, has_alpha=True)  # may be: it is said frame by frame


def read_bmp(data: bytes) -> Header:
    size = struct.unpack_from("<I", data, 14)[0]
    if size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return Header("bmp", width, height)
    width, height = struct.unpack_from("<ii", data, 18)
    bits = struct.unpack_from("<H", data, 28)[0]
    # The fourth byte is padding where no mask, the last of four from V3 on, says that it is alpha.
    has_alpha = bits == 32 and size >= 56 and struct.unpack_from("<I", data, 66)[0] != 0
    return Header("bmp", width, abs(height), has_alpha=has_alpha, space=_bmp_profile(data, size))


def _bmp_profile(data: bytes, size: int) -> bytes | None:
    """The ICC profile in a file with a V5 header."""
    if size < 124 or data[70:74] != b"DEBM":
        return None
    start, length = struct.unpack_from("<II", data, 126)
    return data[14 + start : 14 + start + length] if length <= MAX_PROFILE else b""


def row_bytes(bmp: bytes) -> int:
    """How many bytes a row of an uncompressed BMP takes."""
    width, _, _, bits = struct.unpack_from("<iiHH", bmp, 18)
    return int((width * bits + 31) // 32 * 4)


def missing_bytes(bmp: bytes) -> int:
    """How many bytes an uncompressed BMP is short of its rows; 0 for others."""
    if struct.unpack_from("<I", bmp, 14)[0] < 40 or struct.unpack_from("<I", bmp, 30)[0] not in (
        0,
        3,
    ):
        return 0
    start, height = struct.unpack_from("<I", bmp, 10)[0], struct.unpack_from("<i", bmp, 22)[0]
    return max(0, int(start + row_bytes(bmp) * abs(height)) - len(bmp))


def has_last_row_first(bmp: bytes) -> bool:
    return bool(struct.unpack_from("<i", bmp, 22)[0] > 0)
