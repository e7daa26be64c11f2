"""Orientation in the text chunks of a PNG: in EXIF as ImageMagick writes it, and in XMP."""

import re
import zlib
from collections.abc import Iterable

from cutout.imaging.headers.exif import exif_orientation

RAW_PROFILES = (b"Raw profile type exif", b"Raw profile type APP1")
XMP = b"XML:com.adobe.xmp"
KEYWORDS = (*RAW_PROFILES, XMP)
MAX_TEXT = 1 << 20
"""Bytes of a text that are looked at."""
IN_XMP = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])[\"'<]")


def orientation_of(texts: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the EXIF orientation in chunks tEXt, zTXt and iTXt; 1 if none has one.

    `texts` are (type, body) of the chunks.
    """
    known = dict[bytes, bytes]()
    for kind, body in texts:
        keyword, _, value = body.partition(b"\0")
        # Only the first of each: inflating thousands would take minutes.
        if keyword in KEYWORDS and keyword not in known:
            known[keyword] = plain_text(kind, value)
    for keyword, text in known.items():
        found = _in_xmp(text) if keyword == XMP else _in_raw_profile(text)
        # 1 is also what a text without orientation gives: the next one may have it.
        if found > 1:
            return found
    return 1


def plain_text(kind: bytes, rest: bytes) -> bytes:
    """Return the text of a chunk, given what follows its keyword; b"" if it cannot be inflated."""
    is_compressed = kind == b"zTXt"
    text = rest
    if kind == b"zTXt":
        text = rest[1:]
    elif kind == b"iTXt":
        is_compressed = rest[:1] == b"\1"
        # Behind flag and method come language and translated keyword, each with a 0 at its end.
        text = rest[2:].split(b"\0", 2)[-1]
    if not is_compressed:
        return text[:MAX_TEXT]
    try:
        return zlib.decompressobj().decompress(text, MAX_TEXT)
    except zlib.error:
        return b""


def _in_xmp(text: bytes) -> int:
    found = IN_XMP.search(text)
    return int(found[1]) if found else 1


def _in_raw_profile(text: bytes) -> int:
    """Read the orientation from a raw profile: a name, a length, and EXIF in hexadecimal digits."""
    try:
        block = bytes.fromhex("".join(text.decode("ascii").split()[2:]))
    except ValueError:
        return 1
    return exif_orientation(block)
