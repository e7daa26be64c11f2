"""The size of the frames of an AV1 stream, before any of them is decoded.

Source: AV1 Bitstream & Decoding Process Specification, sections 5.3 (OBU headers) and 5.5 (sequence
headers).
"""

import re
from collections.abc import Iterator

SEQUENCE_HEADER, FRAME_HEADER, FRAME = 1, 3, 6  # types of OBUs
# Bytes: more than a sequence header with 32 operating points takes up to the frame size.
MAX_HEADER_BYTES = 512
_NO_ZERO = re.compile(rb"[^\0]")


def units(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield (type, start, end) of the body of each OBU; skips zeros between them, as libaom does.

    Raises ValueError where a length has no end.
    """
    position = 0
    while position < len(stream):
        if not stream[position]:
            found = _NO_ZERO.search(stream, position)
            position = found.start() if found else len(stream)
            continue
        head = stream[position]
        # Of an OBU's first byte: 4 says that a second one follows, 2 that a size does.
        position += 2 if head & 4 else 1
        if head & 2:
            size, position = _leb128(stream, position)
            end = min(len(stream), position + size)
        else:
            end = len(stream)
        yield head >> 3 & 15, position, end
        position = end


def _leb128(stream: bytes, position: int) -> tuple[int, int]:
    """Read a LEB128 number; return it and the position after it."""
    value = 0
    for at, byte in enumerate(stream[position : position + 8]):
        value |= (byte & 0x7F) << 7 * at
        if byte < 0x80:
            return value, position + at + 1
    raise ValueError("no end to a length")


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.left = 8 * len(data)
        self.value = int.from_bytes(data, "big")

    def take(self, count: int) -> int:
        self.left -= count
        if self.left < 0:
            raise ValueError("a sequence header that is cut off")
        return self.value >> self.left & (1 << count) - 1


def frame_size(header: bytes) -> tuple[int, int]:
    """Return the (width, height) in pixels that no frame after this sequence header exceeds.

    Raises ValueError where the header is truncated.
    """
    bits = _Bits(header[:MAX_HEADER_BYTES])
    bits.take(4)  # profile, still image
    if bits.take(1):  # reduced still image header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits = bits.take(4) + 1
    height_bits = bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = _skip_timing(bits) if bits.take(1) else 0
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # level, and from 4.0 on the tier
            bits.take(1)
        if delay_bits and bits.take(1):
            # Two delays of the decoder's buffer, and a flag.
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)


def _skip_timing(bits: _Bits) -> int:
    """Return how many bits a buffer's delay takes; 0 where there is no decoder model."""
    # Two numbers of 32 bits: units in a tick, and time scale.
    bits.take(64)
    if bits.take(1):  # equal intervals: a number in Exp-Golomb code
        zeros = 0
        while not bits.take(1):
            zeros += 1
        # From 32 zeros on the number has no further bits.
        bits.take(zeros if zeros < 32 else 0)
    if not bits.take(1):
        return 0
    delay_bits = bits.take(5) + 1
    bits.take(42)
    return delay_bits
