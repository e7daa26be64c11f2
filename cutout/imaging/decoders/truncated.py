"""Files that were cut short: the rows that are there, if they are nearly all.

What is missing is transparent. A JPEG in scans has all of its rows, less sharp, once the first
scans of its brightness are whole.
"""

import logging
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from cutout.errors import UndecodableImage
from cutout.imaging.decoders import opencv
from cutout.imaging.decoders.common import Decoded, Pixels
from cutout.imaging.decoders.opencv import decode_jpeg
from cutout.imaging.decoders.pillow import decoding, open_jpeg
from cutout.imaging.headers import Header
from cutout.imaging.headers.common import chunks
from cutout.imaging.headers.gif_bmp import has_last_row_first, missing_bytes, row_bytes
from cutout.imaging.headers.jpeg import is_cut_short, lacks_only_sharpness
from cutout.imaging.headers.png_pixels import bytes_of_rows
from cutout.imaging.headers.tiff import describe

LEAST = 0.9
"""Share of the rows that must be there."""

END = b"\xff\xd9"
"""The marker that ends a JPEG."""

log = logging.getLogger("cutout")

Decode = Callable[[bytes], Decoded]
"""Decodes a file that is whole."""


def decode_rest(
    data: bytes, header: Header, factor: int, whole: Decode, error: UndecodableImage
) -> Decoded:
    """Decode a file that `whole` could not, if what it lacks is its end.

    Raises UndecodableImage: with how much is there, if that is too little; else `error`.
    """
    try:
        decoded, rows = _rest(data, header, factor, whole, error)
    except (LookupError, ValueError, struct.error):
        raise error from None  # broken before its end
    height = -(-header.height // factor)
    if decoded is None or rows < LEAST * height:
        raise UndecodableImage(
            f"the {header.format.upper()} is truncated: it has {rows * factor} of {header.height} "
            f"rows, and needs at least {LEAST:.0%}; send the whole file"
        ) from error
    rows = min(rows, height)
    there = min(header.height, rows * factor)
    log.warning("truncated image decoded", extra={"rows": there, "of": header.height})
    alpha = decoded.alpha
    if rows < height:
        alpha = np.full((height, decoded.image.shape[1]), 255, np.uint8) if alpha is None else alpha
        if header.format == "bmp" and has_last_row_first(data):
            alpha[: height - rows] = 0
        else:
            alpha[rows:] = 0
    return Decoded(decoded.image, alpha, decoded.in_srgb, rows=there)


def _rest(
    data: bytes, header: Header, factor: int, whole: Decode, error: UndecodableImage
) -> tuple[Decoded | None, int]:
    """What is there, None if it is too little, and how many rows that are."""
    if header.format == "jpeg" and header.model != "cmyk" and is_cut_short(data):
        return _jpeg(data, header, factor, whole)
    if header.format == "png" and header.truncated:
        return _png(data, header, whole)
    if header.format == "bmp" and (missing := missing_bytes(data)) > 0:
        return _bmp(data, header, missing, whole)
    if header.format == "webp" and len(data) < (size := 8 + _riff_size(data)):
        raise UndecodableImage(
            f"the WebP is truncated: {len(data)} of {size} bytes are there; send the whole file"
        ) from error
    if header.format == "tiff" and error.detail == opencv.UNKNOWN:
        raise UndecodableImage(
            f"the TIFF ({describe(data)}) is corrupt, truncated or of a variant that is not read; "
            "save it with 8 bits and LZW, or as PNG"
        ) from error
    raise error


def _riff_size(data: bytes) -> int:
    return int(struct.unpack_from("<I", data, 4)[0])


def _jpeg(data: bytes, header: Header, factor: int, whole: Decode) -> tuple[Decoded | None, int]:
    """What Pillow has decoded when the data ends, and how many rows that are."""
    if lacks_only_sharpness(data):
        return whole(data + END), header.height
    sound = decode_jpeg(data + b"\xff\xd9", header, factor)
    if sound is not None:  # nothing but the marker was missing
        return Decoded(sound, None), header.height
    with decoding():
        image = open_jpeg(data, header, factor)
        with suppress(OSError):
            image.load()
        image.tile = []
        pixels = image.tobytes("raw", "L" if image.mode == "L" else "RGBX")
    width, height = image.size
    if image.mode == "L":
        gray = np.frombuffer(pixels, np.uint8).reshape(height, width)
        return Decoded(np.repeat(gray[:, :, np.newaxis], 3, axis=2), None), _until_zeros(gray)
    # The fourth byte of a pixel is 255 from when it is decoded.
    stored = np.frombuffer(pixels, np.uint8).reshape(height, width, 4)
    return Decoded(stored[:, :, :3].copy(), None), _until_zeros(stored[:, :, 3])


def _until_zeros(rows: Pixels) -> int:
    """How many rows come before those at the end that hold nothing but 0."""
    filled = np.flatnonzero(rows.any(axis=1))
    return int(filled[-1]) + 1 if len(filled) else 0


def _png(data: bytes, header: Header, whole: Decode) -> tuple[Decoded | None, int]:
    """Inflate what is there, and have the missing rows decoded as zeros."""
    if data[28] and header.truncated:
        raise UndecodableImage("the interlaced PNG is truncated; send the whole file")
    most = bytes_of_rows(data)
    head, body = bytearray(data[:8]), bytearray()
    for kind, start, end in chunks(data, 8, ">I4s", 4):
        if kind == b"IDAT":
            body += data[start:end]
        elif not body and end + 4 <= len(data):
            head += data[start - 8 : end + 4]
    try:
        pixels = zlib.decompressobj().decompress(bytes(body), most)
    except zlib.error as error:
        raise UndecodableImage(f"the PNG is corrupt: {error}") from error
    rows = len(pixels) * header.height // most if most else 0
    if rows < LEAST * header.height:
        return None, rows
    stored = zlib.compress(pixels + bytes(most - len(pixels)), 0)
    return whole(bytes(head) + _chunk(b"IDAT", stored) + _chunk(b"IEND", b"")), rows


def _bmp(data: bytes, header: Header, missing: int, whole: Decode) -> tuple[Decoded | None, int]:
    """Have the missing rows of an uncompressed BMP decoded as zeros."""
    rows = header.height - -(-missing // row_bytes(data))
    enough = rows >= LEAST * header.height
    return (whole(data + bytes(missing)) if enough else None), max(0, rows)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
