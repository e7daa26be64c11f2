"""JPEG headers (ITU T.81)."""

import re
import struct
from collections.abc import Iterator
from itertools import islice

from cutout.imaging.headers.common import (
    MAX_PROFILE,
    ColorModel,
    Header,
    Malformed,
    bounded,
)
from cutout.imaging.headers.exif import exif_orientation

ALLOWED_SCANS = 20  # that a file of any size may have; a progressive one has about 10
MAX_SCANS = 200
MAX_SCANNED_PIXELS = 1 << 30
"""Pixels times scans: each scan is a pass over the image, 2 ns a pixel, however few its bytes."""
# SOF markers
FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
MODELS: dict[int, ColorModel] = {1: "gray", 4: "cmyk"}  # by the number of components
ICC = b"ICC_PROFILE\0"
# Markers that are followed by a length, and EOI.
JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)


def read_jpeg(data: bytes) -> Header:
    """Read the header of a JPEG.

    Raises Malformed where it has no frame header or too many scans, and struct.error where it is
    truncated.
    """
    orientation = 0
    profile = list[tuple[int, int, int]]()
    for marker, start, end in bounded(jpeg_segments(data)):
        if marker == 0xE1 and not orientation and data.startswith(b"Exif\0\0", start):
            orientation = exif_orientation(data[start + 6 : end])
        elif marker == 0xE2 and data.startswith(ICC, start):
            profile.append((data[start + 12], start + 14, end))
        elif marker in FRAMES:
            height, width = struct.unpack_from(">HH", data, start + 1)
            interleaved = marker in (0xC0, 0xC1) and _first_scan_has(data[start + 5], data, end)
            if not interleaved:
                _check_scans(data, end, width * height)
            return Header(
                "jpeg",
                width,
                height,
                orientation or 1,
                model=MODELS.get(data[start + 5], "rgb"),
                space=_profile(data, profile),
            )
    raise Malformed("no frame header")


def _profile(data: bytes, parts: list[tuple[int, int, int]]) -> bytes | None:
    """Join the parts of an ICC profile, (number, start, end) each (ICC.1:2022, annex B.4)."""
    if not parts:
        return None
    if sum(end - start for _, start, end in parts) > MAX_PROFILE:
        return b""
    # By number: the parts may come in any order.
    return b"".join(data[start:end] for _, start, end in sorted(parts))


def jpeg_segments(data: bytes, position: int = 2) -> Iterator[tuple[int, int, int]]:
    """Yield (marker, start, end) of each segment's content, up to the end of the image.

    Bytes that are not a marker are skipped. Raises struct.error where a segment is truncated.
    """
    while (found := JPEG_MARKER.search(data, position)) and found[1] != b"\xd9":
        start = found.end()
        # The length counts its own two bytes.
        position = start + struct.unpack_from(">H", data, start)[0]
        yield found[1][0], start + 2, position


def _first_scan_has(components: int, data: bytes, position: int) -> bool:
    """Tell whether the first scan has all components: decoders then read no further scan."""
    first = next(
        (start for marker, start, _ in bounded(jpeg_segments(data, position)) if marker == 0xDA),
        None,
    )
    return first is not None and data[first] == components


def max_scans(pixels: int) -> int:
    """Return how many scans an image of so many pixels may have."""
    return max(ALLOWED_SCANS, min(MAX_SCANS, MAX_SCANNED_PIXELS // max(1, pixels)))


def _check_scans(data: bytes, position: int, pixels: int) -> None:
    """Raise Malformed if there are too many scans from `position` on."""
    most = max_scans(pixels)
    if data.count(b"\xff\xda", position) <= most:  # an upper bound, which nearly every file passes
        return
    scans = (marker for marker, _, _ in bounded(jpeg_segments(data, position)) if marker == 0xDA)
    if sum(1 for _ in islice(scans, most + 1)) > most:
        raise Malformed(f"more than {most} scans, the limit for its size")


def is_cut_short(data: bytes) -> bool:
    """Tell whether the end of a JPEG is missing."""
    # The last scan: a thumbnail in the EXIF before it has an end marker of its own.
    frame = max(data.rfind(b"\xff\xda"), 0)
    return data.find(b"\xff\xd9", frame) < 0


def lacks_only_sharpness(data: bytes) -> bool:
    """Tell whether a progressive JPEG has every frequency of its brightness in a complete scan.

    Then all that is missing at its end is refinement.
    """
    kinds = [(marker, start) for marker, start, _ in bounded(jpeg_segments(data))]
    if not any(marker in (0xC2, 0xCA) for marker, _ in kinds):
        return False
    # The last one may be incomplete.
    scans = [start for marker, start in kinds if marker == 0xDA][:-1]
    if not scans:
        return False
    first = data[scans[0] + 1]
    seen = set[int]()
    for start in scans:
        count = data[start]
        if first in data[start + 1 : start + 1 + 2 * count : 2]:
            lowest, highest = data[start + 1 + 2 * count : start + 3 + 2 * count]
            seen.update(range(lowest, highest + 1))
    return len(seen) == 64
