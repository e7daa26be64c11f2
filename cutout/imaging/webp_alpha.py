"""The alpha of a WebP without loss (RFC 9649): what its gradient leaves over, in runs.

libwebp looks for repetitions of every kind, which takes half a second for 12 MP. An alpha is flat
nearly everywhere: after the gradient filter there are runs of 0 with edges between them, and runs
alone make files of the same size in a thirtieth of the time (benchmarks/stages.md).
"""

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cutout.imaging.preprocess import Matte

GRADIENT_LOSSLESS = b"\x0d"  # how the alpha is filtered and compressed (section 2.7.1.2)
PIECE = 1 << 17  # pixels or symbols at a time: noise needs .8 kB of memory for each of these
ROWS = 64  # rows filtered at a time, which a core's cache holds

LONGEST = 4096  # pixels that one copy can repeat (section 3.6.2.2)
WORTHWHILE = 4  # pixels from which repeating them by a copy is shorter than writing them
LITERALS = 256  # symbols below this are values, and those from it on are lengths of copies
SYMBOLS = LITERALS + 24
MAX_BITS = 15  # of a symbol's code

# The order in which the lengths of the codes for code lengths are written (section 3.7.2.1.2);
# 16, 17 and 18, which would repeat a length, are not used here.
LENGTH_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
LENGTH_BITS = 4  # of the code of each length from 0 to 15: all 16 have the same

LEFT = 1  # the symbol of the distance to the pixel at the left


class Symbols(NamedTuple):
    """A part of the stream, in order: `symbols` and their `extra` bits, both (N,) uint16."""

    symbols: NDArray[np.uint16]
    extra: NDArray[np.uint16]


class Code(NamedTuple):
    """A prefix code: of each symbol the `bits`, first bit lowest, and how many they are.

    `bits` is (SYMBOLS,) uint64, `lengths` (SYMBOLS,) int64.
    """

    bits: NDArray[np.uint64]
    lengths: NDArray[np.int64]


class BitWriter:
    """Bytes that are written bit by bit, the lowest bit of each byte first."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._last = 0  # the bits of the word that is not full yet
        self._used = 0  # how many they are, below 32

    def put(self, value: int, bits: int) -> None:
        """Write the lowest `bits` bits of a number."""
        self.put_all(np.array([value], np.uint64), np.array([bits], np.int64))

    def put_all(self, values: NDArray[np.uint64], bits: NDArray[np.int64]) -> None:
        """Write numbers (N,) uint64 one after another, of each its `bits` (N,), at most 32."""
        ends = np.cumsum(bits) + self._used
        starts = ends - bits
        shifted = values << (starts & 31).astype(np.uint64)
        words, used = divmod(int(ends[-1]), 32)
        place = starts >> 5
        # Bits of different numbers never meet, so the sum is their union; a float64 holds it.
        low = np.bincount(place, shifted & np.uint64(0xFFFFFFFF), words + 2)
        high = np.bincount(place + 1, shifted >> np.uint64(32), words + 2)
        low[0] += self._last
        written = (low + high).astype("<u4")
        self.data += written[:words].tobytes()
        self._last, self._used = int(written[words]), used

    def finish(self) -> bytes:
        """Return everything that was written, padded with zeros."""
        return bytes(self.data) + self._last.to_bytes(4, "little")


def compressed(alpha: Matte) -> bytes:
    """Compress an alpha (H, W) uint8, both sides at most 16,383, to the body of an ALPH chunk."""
    residual = _residual(alpha).ravel()
    pieces = [_runs(residual[start : start + PIECE]) for start in range(0, len(residual), PIECE)]
    counts = [np.bincount(piece.symbols, minlength=SYMBOLS) for piece in pieces]
    code = _code_for(np.sum(counts, axis=0))
    writer = BitWriter()
    _write_head(writer, code.lengths)
    for piece in pieces:
        _write(writer, piece, code)
    return GRADIENT_LOSSLESS + writer.finish()


def _residual(alpha: Matte) -> Matte:
    """Return each value less what its neighbours suggest, modulo 256: (H, W) uint8.

    That is left + above - above left, between 0 and 255; on the first row the value at the left, in
    the first column the one above, and 0 in the corner (section 2.7.1.2).
    """
    residual = alpha.copy()
    # uint8 wraps around, as the filter's modulo 256.
    residual[0, 1:] -= alpha[0, :-1]
    residual[1:, 0] -= alpha[:-1, 0]
    for top in range(1, len(alpha), ROWS):
        rows = alpha[top - 1 : top + ROWS].astype(np.int16)
        suggested = rows[1:, :-1] + rows[:-1, 1:] - rows[:-1, :-1]
        residual[top : top + ROWS, 1:] -= np.clip(suggested, 0, 255).astype(np.uint8)
    return residual


def _runs(values: NDArray[np.uint8]) -> Symbols:
    """Return values (N,), at least one, as symbols: values, and copies of the value before."""
    starts = np.concatenate(([0], np.flatnonzero(values[1:] != values[:-1]) + 1))
    rest = np.diff(starts, append=len(values)) - 1
    is_copied = rest >= WORTHWHILE
    written = np.where(is_copied, 1, rest + 1)
    count = written + np.where(is_copied, -(-rest // LONGEST), 0)
    run = np.repeat(np.arange(len(starts)), count)
    # The place of each symbol within its run: the values come first, then the copies.
    place = np.arange(len(run)) - (np.cumsum(count) - count)[run]
    symbols = values[starts][run].astype(np.uint16)
    extra = np.zeros(len(run), np.uint16)
    copies = np.flatnonzero(place >= written[run])
    before = (place[copies] - written[run[copies]]) * LONGEST
    length = np.minimum(rest[run[copies]] - before, LONGEST)
    symbols[copies] = LENGTH_SYMBOL[length]
    extra[copies] = LENGTH_EXTRA[length]
    return Symbols(symbols, extra)


def _length_tables() -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.int64]]:
    """Return symbol and extra bits by length (0 is unused), and how many these are by symbol.

    Of length - 1 the symbol has the two highest bits, and where they are (section 3.6.2.2).
    """
    symbol = np.zeros(LONGEST + 1, np.uint16)
    extra = np.zeros(LONGEST + 1, np.uint16)
    count = np.zeros(SYMBOLS, np.int64)
    for length in range(1, LONGEST + 1):
        rest = length - 1
        below = max(0, rest.bit_length() - 2)
        # 0 to 3 are symbols of their own.
        symbol[length] = LITERALS + (2 * below + (rest >> below))
        extra[length] = rest & ((1 << below) - 1)
        count[symbol[length]] = below
    return symbol, extra, count


LENGTH_SYMBOL, LENGTH_EXTRA, EXTRA_BITS = _length_tables()


def _code_for(counts: NDArray[np.int64]) -> Code:
    """Return the canonical prefix code for symbols that occur as often as `counts` (SYMBOLS,)."""
    lengths = _code_lengths(counts)
    bits = np.zeros(SYMBOLS, np.uint64)
    code = 0
    for length in range(1, MAX_BITS + 1):
        for symbol in np.flatnonzero(lengths == length):
            bits[symbol] = int(f"{code:0{length}b}"[::-1], 2)
            code += 1
        code <<= 1
    return Code(bits, lengths)


def _code_lengths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the length of each symbol's code (SYMBOLS,), by Huffman's method; 0 if it has none.

    A tree deeper than MAX_BITS is built again with rare symbols counted as less rare.
    """
    used = [int(symbol) for symbol in np.flatnonzero(counts)]
    # One symbol alone would have a code of no bits, which readers treat as a special case.
    used += [symbol for symbol in (0, 1) if symbol not in used][: max(0, 2 - len(used))]
    least = 1
    while True:
        lengths = np.zeros(SYMBOLS, np.int64)
        trees = [(max(int(counts[symbol]), least), symbol, [symbol]) for symbol in used]
        heapq.heapify(trees)
        while len(trees) > 1:
            count, number, symbols = heapq.heappop(trees)
            other_count, _, others = heapq.heappop(trees)
            lengths[symbols + others] += 1
            heapq.heappush(trees, (count + other_count, number, symbols + others))
        if lengths.max() <= MAX_BITS:
            return lengths
        least *= 2


def _write_head(writer: BitWriter, lengths: NDArray[np.int64]) -> None:
    """Write what comes before the symbols: no transform, no cache, the five prefix codes."""
    writer.put(0, 3)  # no transform, no colour cache, one group of codes for the whole image
    # The first code, of green, which holds the alpha, and of lengths (section 3.7.2.1.2).
    writer.put(0, 1)
    writer.put(len(LENGTH_ORDER) - 4, 4)
    for length in LENGTH_ORDER:
        writer.put(LENGTH_BITS if length <= MAX_BITS else 0, 3)
    writer.put(0, 1)  # a length for each symbol follows
    for length in lengths:
        writer.put(int(f"{int(length):0{LENGTH_BITS}b}"[::-1], 2), LENGTH_BITS)
    # The codes of red, blue and alpha, 0 everywhere, and of distances, have one symbol each, which
    # takes no bits: a simple code, of one symbol, written as one bit (section 3.7.2.1.1).
    for symbol in (0, 0, 0, LEFT):
        writer.put(0b001 | symbol << 3, 4)


def _write(writer: BitWriter, piece: Symbols, code: Code) -> None:
    """Write symbols by their code, each followed by its extra bits."""
    for start in range(0, len(piece.symbols), PIECE):
        symbols = piece.symbols[start : start + PIECE]
        lengths = code.lengths[symbols]
        extra = piece.extra[start : start + PIECE].astype(np.uint64) << lengths.astype(np.uint64)
        writer.put_all(code.bits[symbols] | extra, lengths + EXTRA_BITS[symbols])
