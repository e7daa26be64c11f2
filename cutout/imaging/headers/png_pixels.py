"""A PNG whose pixels are inflated no further than the image is large, whatever the file holds.

libpng inflates a stream to its end, however far that lies behind the last row: each MB of upload
could cost 2.7 s, in a thread that nobody can stop. So it is inflated here, by isal, which takes a
third of the time of the zlib that OpenCV brings, and libpng gets the same rows in stored blocks.
Samples of 16 bits would take too much memory twice: for those we only check that the stream ends.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from isal import isal_zlib
from isal.igzip_lib import IsalError

from cutout.imaging.headers.common import Malformed, chunks

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
ADAM7 = (  # of each pass: its first column and row, and the steps to the next
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
BLOCK = 65_535
"""Bytes of the largest stored block (RFC 1951, 3.2.4)."""

TEXTS = (b"zTXt", b"iTXt")
"""Chunks that libpng would unpack, up to 8 MB from each 8 kB."""

Chunk = tuple[bytes, int, int]  # kind, start and end of the body


def with_bounded_pixels(png: bytes) -> bytearray:
    """Rewrite a PNG with its pixels uncompressed, and without compressed texts.

    `png` is one whose header `sniff` has read. Data after the last row is dropped; at 16 bits a
    sample, data stays as it is. Raises Malformed where the data cannot be inflated, a checksum is
    wrong, or 16-bit data holds more than the rows.
    """
    plain = bytearray(png[:8])
    inflated = False
    for are_pixels, run in groupby(_until_end(png), lambda chunk: chunk[0] == b"IDAT"):
        if not are_pixels:
            for kind, start, end in run:
                if kind not in TEXTS:
                    plain += png[start - 8 : end + 4]
        elif not inflated:  # libpng ignores all other runs
            inflated = True
            stream = _stream(png, run)
            most = bytes_of_rows(png)
            if png[24] == 16:
                _check_end(stream, most)
                plain += _idat(stream)
            else:
                _append_stored(plain, stream, most)
    return plain


def _until_end(png: bytes) -> Iterator[Chunk]:
    for chunk in chunks(png, 8, ">I4s", 4):
        yield chunk
        if chunk[0] == b"IEND":
            return


def bytes_of_rows(png: bytes) -> int:
    """Return how many bytes the rows take once inflated, each with its filter type in front."""
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    bits = png[24] * SAMPLES.get(png[25], 4)
    total = 0
    for left, top, across, down in ADAM7 if png[28] else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits // 8))
    return total


def _stream(png: bytes, parts: Iterable[Chunk]) -> bytes:
    """Join the bodies of the IDAT chunks. Raises Malformed if a checksum is wrong."""
    view = memoryview(png)
    bodies = []
    for _, start, end in parts:
        # The checksum covers the type, too.
        if isal_zlib.crc32(view[start - 4 : end]).to_bytes(4, "big") != png[end : end + 4]:
            raise Malformed("a checksum of its pixels is wrong")
        bodies.append(view[start:end])
    return b"".join(bodies)


def _append_stored(plain: bytearray, stream: bytes, most: int) -> None:
    """Append, as chunks of stored blocks, the first `most` bytes that a zlib stream holds."""
    plain += _idat(b"\x78\x01")
    adler = 1
    for piece in _inflated(stream, most):
        adler = isal_zlib.adler32(piece, adler)
        # A stored block has its length twice, the second time with all bits inverted.
        sizes = (len(piece), len(piece) ^ BLOCK)
        plain += _idat(b"\0" + b"".join(size.to_bytes(2, "little") for size in sizes), piece)
    # An empty last block, as before the end nobody knew which would be the last.
    plain += _idat(b"\x01\0\0\xff\xff" + adler.to_bytes(4, "big"))


def _check_end(stream: bytes, most: int) -> None:
    """Raise Malformed if a zlib stream holds more than `most` bytes."""
    # One byte more than allowed is enough to know.
    if sum(len(piece) for piece in _inflated(stream, most + 1)) > most:
        raise Malformed("it holds more pixels than its header says")


def _idat(head: bytes, body: bytes = b"") -> bytes:
    size = len(head) + len(body)
    checksum = isal_zlib.crc32(body, isal_zlib.crc32(b"IDAT" + head))
    return b"".join((size.to_bytes(4, "big"), b"IDAT", head, body, checksum.to_bytes(4, "big")))


def _inflated(stream: bytes, most: int) -> Iterator[bytes]:
    """Yield the first `most` bytes that a zlib stream holds, in pieces of at most BLOCK."""
    inflator = isal_zlib.decompressobj()
    view = memoryview(stream)
    for start in range(0, len(view), BLOCK):
        part: bytes | memoryview = view[start : start + BLOCK]
        full = True  # there may be more where a piece is as long as was asked for
        while full and most and not inflator.eof:
            wanted = min(BLOCK, most)
            try:
                piece = inflator.decompress(part, wanted)
            except IsalError as error:  # type: ignore[misc]  # its stub has it as an instance
                raise Malformed(f"its pixels cannot be inflated: {error}") from error
            part = inflator.unconsumed_tail
            full = len(piece) == wanted
            most -= len(piece)
            if piece:
                yield piece
