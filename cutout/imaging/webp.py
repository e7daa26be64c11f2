"""Lossy WebP (RFC 9649), its colours and its alpha compressed separately.

libwebp takes most of the time of a large cut-out for the alpha. Here it compresses only the
colours, as a file of their own, and `webp_alpha` the alpha; they are put together as the RFC
describes it.
"""

import io
import struct
from collections.abc import Iterable

from PIL import Image as Pillow

from cutout.imaging import webp_alpha
from cutout.imaging.box import Size
from cutout.imaging.fill import fill_transparent
from cutout.imaging.metadata import Metadata
from cutout.imaging.preprocess import Image, Matte

MAX_SIDE = 16_383  # pixels a side (RFC 9649, section 2.5)
COLOR_EFFORT = 2  # of 6: files 3 to 8 % larger than with libwebp's default 4, in half its time
FLAGS = {b"ICCP": 0x20, b"ALPH": 0x10, b"EXIF": 0x08, b"XMP ": 0x04}  # of a VP8X chunk

Chunks = dict[bytes, bytes]
"""The body of each chunk of a file, by its type, in order."""


def planes(colors: Image, alpha: Matte | None, quality: int) -> Chunks:
    """Compress colours at `quality`, from 1 to 100, and alpha without loss.

    `colors` is (H, W, 3) uint8 RGB, 0 where `alpha` (H, W) uint8 is; None is opaque. Both sides are
    at most MAX_SIDE pixels. Returns the chunks of alpha, if any, and of colours.
    """
    if alpha is None:
        return {b"VP8 ": _colors(colors, quality)}
    return {
        b"ALPH": webp_alpha.compressed(alpha),
        b"VP8 ": _colors(fill_transparent(colors, alpha), quality),
    }


def still(made: Chunks, size: Size, profile: bytes | None, metadata: Metadata) -> bytes:
    """Make the file of a still image of the chunks that `planes` returns, profile and metadata."""
    # In the order in which the RFC wants them.
    optional = {b"ICCP": profile, **made, b"EXIF": metadata.exif, b"XMP ": metadata.xmp}
    chunks = {kind: body for kind, body in optional.items() if body}
    # A VP8 chunk alone is a complete file (section 2.5); VP8X would only lengthen it.
    if len(chunks) > 1:
        chunks = {b"VP8X": features(sum(FLAGS.get(kind, 0) for kind in chunks), size), **chunks}
    return riff(chunk(kind, body) for kind, body in chunks.items())


def _colors(colors: Image, quality: int) -> bytes:
    """Compress colours to the body of a VP8 chunk."""
    return _compressed(Pillow.fromarray(colors), quality=quality, method=COLOR_EFFORT)


def _compressed(image: Pillow.Image, **how: float) -> bytes:
    """Save an RGB image as a WebP, and return the body of its only chunk."""
    file = io.BytesIO()
    image.save(file, "WEBP", **how)
    data = file.getbuffer()
    # 12 bytes of RIFF, the chunk's type, its length; the body begins at 20.
    size = struct.unpack_from("<I", data, 16)[0]
    return bytes(data[20 : 20 + size])


def features(flags: int, size: Size) -> bytes:
    """Return the body of a VP8X chunk: what the file holds, and its size (section 2.7.1)."""
    return struct.pack("<I", flags) + canvas(size)


def canvas(size: Size) -> bytes:
    """Return a size as the chunks VP8X and ANMF hold it: 6 bytes."""
    # WebP stores a side less one.
    return three_bytes(size.width - 1) + three_bytes(size.height - 1)


def three_bytes(number: int) -> bytes:
    """Return a number below 2 ** 24 as 3 bytes, the lowest first."""
    return number.to_bytes(3, "little")


def chunk(kind: bytes, body: bytes) -> bytes:
    """Make a chunk, padded to an even length (section 2.3)."""
    # The length does not count the padding.
    return b"".join((kind, struct.pack("<I", len(body)), body, bytes(len(body) % 2)))


def riff(chunks: Iterable[bytes]) -> bytes:
    """Make a WebP file of chunks (section 2.4)."""
    return chunk(b"RIFF", b"".join((b"WEBP", *chunks)))
