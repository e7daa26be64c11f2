"""PNG headers (W3C PNG, 3rd edition)."""

import struct

from cutout.imaging.headers.common import Header, Truncated, bounded, chunks
from cutout.imaging.headers.exif import exif_orientation


def read_png(data: bytes) -> Header:
    width, height, depth, color = struct.unpack_from(">IIBB", data, 16)
    orientation, has_alpha, gray_key = 1, color in (4, 6), None
    for kind, start, end in bounded(chunks(data, 8, ">I4s", 4)):
        if end > len(
            data
        ):  # OpenCV would allocate what a chunk announces, up to 2 GB, before it looks for it
            raise Truncated("a chunk ends beyond the file")
        if kind == b"IEND":
            break
        if kind == b"eXIf":
            orientation = exif_orientation(data[start:end])
        elif kind == b"tRNS":
            has_alpha = True
            if color == 0:
                key = struct.unpack_from(">H", data, start)[0]
                gray_key = (
                    key if depth == 16 else round(key * 255 / max(1, (1 << min(depth, 8)) - 1))
                )
    return Header("png", width, height, orientation, has_alpha, gray_key)


def without_texts(png: bytes) -> bytes:
    """A PNG that `sniff` took, less its zTXt and iTXt: libpng would unpack all of them, up to 8 MB from each 8 kB."""
    kept, position = [], 0
    for kind, start, end in chunks(png, 8, ">I4s", 4):
        if kind == b"IEND":
            break
        if kind in (b"zTXt", b"iTXt"):
            kept.append(png[position : start - 8])
            position = end + 4
    return b"".join([*kept, png[position:]]) if kept else png
