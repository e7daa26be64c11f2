"""WebP headers (RFC 9649)."""

import struct

from cutout.imaging.headers.common import MAX_PROFILE, Header, Malformed, bounded, chunks
from cutout.imaging.headers.exif import exif_orientation


def read_webp(data: bytes) -> Header:
    """Read the header of a WebP.

    Raises Malformed where it holds no image, and IndexError or struct.error where it is truncated.
    """
    parts = list(bounded(chunks(data, 12, "<4sI", 0)))
    kind, start, _ = parts[0]
    if kind == b"VP8X":
        width, height = (
            1 + int.from_bytes(data[start + at : start + at + 3], "little") for at in (4, 7)
        )
        orientation = next(
            (exif_orientation(data[begin:end]) for name, begin, end in parts if name == b"EXIF"), 1
        )
        profile = next((data[begin:end] for name, begin, end in parts if name == b"ICCP"), None)
        return Header(
            "webp",
            width,
            height,
            orientation,
            has_alpha=bool(data[start] & 0x10),
            frames=max(1, sum(name == b"ANMF" for name, _, _ in parts)),
            space=b"" if len(profile or b"") > MAX_PROFILE else profile,
        )
    if kind == b"VP8L":
        # After the signature: 14 bits of width and of height, each less one, and the flag of alpha.
        bits = struct.unpack_from("<I", data, start + 1)[0]
        return Header(
            "webp", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), has_alpha=bool(bits >> 28 & 1)
        )
    if kind == b"VP8 ":
        # After 3 bytes of frame tag and 3 of start code; the upper 2 bits of each are a scale.
        width, height = struct.unpack_from("<HH", data, start + 6)
        return Header("webp", width & 0x3FFF, height & 0x3FFF)
    raise Malformed("no image in it")
