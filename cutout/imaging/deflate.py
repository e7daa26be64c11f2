"""The compressed rows of a PNG, made of parts that any thread may compress, in any order.

Each part is filtered without regard to the row above it, and compressed as a deflate stream of its
own that ends at a byte's boundary; put after one another they are one stream (RFC 1951, as pigz
does it). The bytes don't depend on how many threads made them.
"""

import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from cutout.imaging.bands import bands
from cutout.imaging.compose import Draw
from cutout.system.idle import idle_cores

Pixels = NDArray[np.uint8]
NONE = 0
"""PNG's filter that leaves a row as it is."""
UP = 2
"""PNG's filter that subtracts the row above: one pass of numpy, and files within 5 % of the size
that the best filter gives."""
LEVEL = 1
RAW = -15  # deflate without zlib's header and checksum
HEADER = b"\x78\x01"  # of a zlib stream of the fastest kind (RFC 1950)
ADLER = 65_521  # the modulus of Adler-32


class Segment(NamedTuple):
    """A compressed part: its deflate stream, and the length and Adler-32 of what went into it."""

    deflated: bytes
    length: int
    checksum: int


def deflate_rows(draw: Draw, rows: Sequence[slice], row_bytes: int) -> Iterator[bytes]:
    """Filter and compress the rows of an image; yield the parts of one zlib stream (RFC 1950).

    `rows` are slices that follow one another from the top, and `draw` returns the rows of one of
    them as (rows, row_bytes) uint8. It is called from several threads.
    """
    scratch = threading.local()

    def segment(part: slice) -> Segment:
        pixels, filtered = _scratch(scratch, part.stop - part.start, row_bytes)
        return _deflate(draw(part, pixels), filtered)

    segments = idle_cores.each(segment, rows)
    yield HEADER
    yield from (part.deflated for part in segments)
    yield _ending(segments)


def _scratch(local: threading.local, count: int, row_bytes: int) -> tuple[Pixels, Pixels]:
    """Return arrays of `count` rows, before and after filtering, in memory that a thread keeps."""
    if getattr(local, "count", 0) < count:
        local.count = count
        local.pixels = np.empty((count, row_bytes), np.uint8)
        local.filtered = np.empty((count, 1 + row_bytes), np.uint8)
    return local.pixels[:count], local.filtered[:count]


def _deflate(pixels: Pixels, filtered: Pixels) -> Segment:
    if not cv2.hasNonZero(pixels):
        return _empty(*pixels.shape)
    compressor = isal_zlib.compressobj(LEVEL, zlib.DEFLATED, RAW)
    # Where Adler-32 begins.
    checksum = 1
    deflated = []
    for here in bands(pixels):
        rows = _filter(pixels, here, filtered)
        checksum = isal_zlib.adler32(rows, checksum)
        deflated.append(compressor.compress(rows))
    # Not Z_FINISH, which would mark a last block: readers would stop there.
    deflated.append(compressor.flush(zlib.Z_FULL_FLUSH))
    return Segment(b"".join(deflated), filtered.nbytes, checksum)


def _filter(pixels: Pixels, rows: slice, filtered: Pixels) -> memoryview:
    """Put the filter before each row, and subtract the row above from all but the first."""
    first = max(1, rows.start)
    filtered[rows, 0] = UP
    # uint8 wraps around, which is what PNG means: filters work modulo 256.
    np.subtract(
        pixels[first : rows.stop],
        pixels[first - 1 : rows.stop - 1],
        filtered[first : rows.stop, 1:],
    )
    # The row above, if any, belongs to another part, which another thread may be drawing.
    if rows.start == 0:
        filtered[0, 0] = NONE
        filtered[0, 1:] = pixels[0]
    # A view: nothing is copied for the compressor.
    return filtered[rows].data


@lru_cache(64)
def _empty(count: int, row_bytes: int) -> Segment:
    """Return a segment of `count` rows of zeros.

    Cached: most cut-outs have several transparent segments, all of one size.
    """
    filtered = np.zeros((count, 1 + row_bytes), np.uint8)
    compressor = isal_zlib.compressobj(LEVEL, zlib.DEFLATED, RAW)
    deflated = compressor.compress(filtered.data) + compressor.flush(zlib.Z_FULL_FLUSH)
    return Segment(deflated, filtered.nbytes, isal_zlib.adler32(filtered.data))


def _ending(segments: Iterable[Segment]) -> bytes:
    """Return the end of the stream: an empty last block, and the Adler-32 of all segments.

    The checksums of the segments are combined as RFC 1950, section 8.2, defines the sum.
    """
    low, high = 1, 0
    # Each sum began at 1 and not where the one before ended; low - 1 makes up for it, byte by byte.
    for segment in segments:
        high = (high + (segment.checksum >> 16) + segment.length * (low - 1)) % ADLER
        low = (low + (segment.checksum & 0xFFFF) - 1) % ADLER
    # 3 and 0 are a last block of fixed codes that holds nothing but its end.
    return b"\x03\x00" + (high << 16 | low).to_bytes(4, "big")
