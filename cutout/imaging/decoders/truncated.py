"""Truncated files: decode the rows that are there, if they are nearly all.

Missing rows are transparent. A progressive JPEG has all of its rows, less sharp, once the first
scans of its brightness are whole; so has an interlaced GIF.
"""

import logging
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.errors import UndecodableImage
from cutout.imaging.decoders import opencv
from cutout.imaging.decoders.common import Decoded, Pixels
from cutout.imaging.decoders.opencv import decode_jpeg
from cutout.imaging.decoders.pillow import color_numbers, decode_gif, decoding, open_jpeg
from cutout.imaging.decoders.pixels import turned
from cutout.imaging.headers import Header
from cutout.imaging.headers.boxes import check_whole
from cutout.imaging.headers.common import Truncated, chunks
from cutout.imaging.headers.gif_bmp import (
    FirstImage,
    has_last_row_first,
    missing_bytes,
    row_bytes,
)
from cutout.imaging.headers.jpeg import is_cut_short, lacks_only_sharpness
from cutout.imaging.headers.png_pixels import bytes_of_rows
from cutout.imaging.headers.tiff import describe
from cutout.imaging.headers.tiff_strips import Strips, with_height

MIN_SHARE = 0.9
"""Share of the rows that must be there."""

END = b"\xff\xd9"
"""The marker that ends a JPEG."""

BYTES_PER_PIXEL = 8
"""Bytes per pixel: four samples of 16 bits."""

log = logging.getLogger("cutout")

Decode = Callable[[bytes], Decoded]
"""Decodes the bytes of a complete file."""


def decode_rest(
    data: bytes, header: Header, factor: int, whole: Decode, error: UndecodableImage
) -> Decoded:
    """Decode a file that `whole` could not decode, if what it lacks is its end.

    `error` is what `whole` raised. Raises UndecodableImage: with how much is there, if that is too
    little; else `error`.
    """
    try:
        decoded, rows = _rest(data, header, factor, whole, error)
    except Truncated as short:
        name = "WebP" if header.format == "webp" else header.format.upper()
        raise UndecodableImage(f"the {name} is truncated: {short}") from error
    except (LookupError, ValueError, struct.error):
        raise error from None  # broken before its end
    height = -(-header.height // factor)
    if decoded is None or rows < MIN_SHARE * height:
        raise UndecodableImage(
            f"the {header.format.upper()} is truncated: it has {rows * factor} of {header.height} "
            f"rows, and needs at least {MIN_SHARE:.0%}; send the whole file"
        ) from error
    # `_jpeg` may return the rows of the upload, not those of the reduced image.
    rows = min(rows, height)
    there = min(header.height, rows * factor)
    log.warning("truncated image decoded", extra={"rows": there, "of": header.height})
    alpha = decoded.alpha
    if rows < height:
        is_there = np.full((height, -(-header.width // factor)), 255, np.uint8)
        is_there[_missing(data, header, rows, height)] = 0
        # The pixels are turned already: the rows that are missing have to turn with them.
        if header.turned_by_decoder:
            is_there = turned(is_there, header.orientation)
        decoded = _padded(decoded, is_there, error)
        alpha = is_there if decoded.alpha is None else np.minimum(decoded.alpha, is_there)
    return replace(decoded, alpha=alpha, rows=there)


def _missing(data: bytes, header: Header, rows: int, height: int) -> slice:
    """Return which rows are not there."""
    is_from_below = header.format == "bmp" and has_last_row_first(data)
    return slice(height - rows) if is_from_below else slice(rows, None)


def _padded(decoded: Decoded, is_there: Pixels, error: UndecodableImage) -> Decoded:
    """Bring what was decoded without the missing rows to the size of the image."""
    if decoded.image.shape[:2] == is_there.shape:
        return decoded
    left, top, width, height = cv2.boundingRect(is_there)
    if decoded.image.shape[:2] != (height, width):
        raise error
    here = (slice(top, top + height), slice(left, left + width))
    image = np.zeros((*is_there.shape, 3), decoded.image.dtype)
    image[here] = decoded.image
    if decoded.alpha is None:
        return replace(decoded, image=image)
    alpha = np.zeros(is_there.shape, np.uint8)
    alpha[here] = decoded.alpha
    return replace(decoded, image=image, alpha=alpha)


def _rest(
    data: bytes, header: Header, factor: int, whole: Decode, error: UndecodableImage
) -> tuple[Decoded | None, int]:
    """Return what could be decoded, None if it is too little, and how many rows there are."""
    if header.format == "jpeg" and header.model != "cmyk" and is_cut_short(data):
        return _jpeg(data, header, factor, whole)
    if header.format == "png" and header.truncated:
        return _png(data, header, whole)
    if header.format == "bmp" and (missing := missing_bytes(data)) > 0:
        return _bmp(data, header, missing, whole)
    if header.format == "gif":
        return _gif(data, header, error)
    if header.format == "tiff" and (strips := Strips.of(data)).end > len(data):
        return _tiff(data, header, strips, whole)
    _check_bytes(data, header)
    if header.format == "tiff" and error.detail == opencv.UNKNOWN:
        raise UndecodableImage(
            f"the TIFF ({describe(data)}) is corrupt, truncated or of a variant that is not read; "
            "save it with 8 bits and LZW, or as PNG"
        ) from error
    raise error


def _check_bytes(data: bytes, header: Header) -> None:
    """Raise Truncated if a file lacks bytes, and its format does not tell which rows they hold."""
    if header.format == "webp" and len(data) < (size := 8 + _riff_size(data)):
        raise Truncated(f"{len(data)} of {size} bytes are there; send the whole file")
    if header.format in ("avif", "heic"):
        check_whole(data)


def _riff_size(data: bytes) -> int:
    return int(struct.unpack_from("<I", data, 4)[0])


def _jpeg(data: bytes, header: Header, factor: int, whole: Decode) -> tuple[Decoded | None, int]:
    """Decode a truncated JPEG with Pillow, as far as it goes."""
    if lacks_only_sharpness(data):
        return whole(data + END), header.height
    sound = decode_jpeg(data + END, header, factor)
    if sound is not None:  # nothing but the marker was missing
        return Decoded(sound, None), header.height
    with decoding():
        image = open_jpeg(data, header, factor)
        with suppress(OSError):
            image.load()
        image.tile = []
        pixels = image.tobytes("raw", "L" if image.mode == "L" else "RGBX")
    width, height = image.size
    # Grey has no fourth byte to tell by: rows of black at the end count as missing.
    if image.mode == "L":
        gray = np.frombuffer(pixels, np.uint8).reshape(height, width)
        return Decoded(np.repeat(gray[:, :, np.newaxis], 3, axis=2), None), _until_zeros(gray)
    # The fourth byte of a pixel is 255 from when it is decoded.
    stored = np.frombuffer(pixels, np.uint8).reshape(height, width, 4)
    return Decoded(stored[:, :, :3].copy(), None), _until_zeros(stored[:, :, 3])


def _until_zeros(rows: Pixels) -> int:
    """Return how many rows come before those at the end that hold nothing but 0."""
    filled = np.flatnonzero(rows.any(axis=1))
    return int(filled[-1]) + 1 if len(filled) else 0


def _png(data: bytes, header: Header, whole: Decode) -> tuple[Decoded | None, int]:
    """Inflate the data of a truncated PNG, and decode it with the missing rows as zeros."""
    if data[28] and header.truncated:
        raise UndecodableImage("the interlaced PNG is truncated; send the whole file")
    most = bytes_of_rows(data)
    head = bytearray(data[:8])
    body = bytearray()
    for kind, start, end in chunks(data, 8, ">I4s", 4):
        if kind == b"IDAT":
            body += data[start:end]
        elif not body and end + 4 <= len(data):
            head += data[start - 8 : end + 4]
    try:
        # An object, as zlib.decompress raises for a stream without its end; bounded by `most`.
        pixels = zlib.decompressobj().decompress(bytes(body), most)
    except zlib.error as error:
        raise UndecodableImage(f"the PNG is corrupt: {error}") from error
    rows = len(pixels) * header.height // most if most else 0
    if rows < MIN_SHARE * header.height:
        return None, rows
    # Level 0 only stores: it is inflated again at once.
    stored = zlib.compress(pixels + bytes(most - len(pixels)), 0)
    return whole(bytes(head) + _chunk(b"IDAT", stored) + _chunk(b"IEND", b"")), rows


def _bmp(data: bytes, header: Header, missing: int, whole: Decode) -> tuple[Decoded | None, int]:
    """Decode a truncated, uncompressed BMP with the missing rows as zeros."""
    rows = header.height - -(-missing // row_bytes(data))
    enough = rows >= MIN_SHARE * header.height
    return (whole(data + bytes(missing)) if enough else None), max(0, rows)


def _tiff(data: bytes, header: Header, strips: Strips, whole: Decode) -> tuple[Decoded | None, int]:
    """Decode a truncated TIFF: if uncompressed with missing rows as zeros, else without them."""
    rows = strips.rows_in(len(data))
    missing = strips.end - len(data)
    if rows < MIN_SHARE * header.height:
        return None, rows
    # A file may claim to lack any number of bytes: bounded before so many are allocated.
    if strips.is_uncompressed and missing <= BYTES_PER_PIXEL * header.pixels:
        return whole(data + bytes(missing)), rows
    if strips.are_planes_apart:
        raise Truncated(f"{missing} bytes of its planes are missing; send the whole file")
    return whole(with_height(data, rows)), rows


def _gif(data: bytes, header: Header, error: UndecodableImage) -> tuple[Decoded | None, int]:
    """Decode the first image of a truncated GIF with Pillow, as far as its data goes.

    Rows that it does not reach keep the colour that the image was filled with before. So it is
    decoded over two fillings: where they differ, a row is missing.
    """
    first = FirstImage.of(data)
    if first.is_whole or first.box.right > header.width or first.box.bottom > header.height:
        raise error
    with decoding():
        one, other = (color_numbers(first.filled_with(number)) for number in (0, 255))
        decoded = decode_gif(first.file)
    box = first.box
    # Rows above and below the image's box lack nothing.
    reached = np.ones(len(one), bool)
    reached[box.rows] = (one == other)[box.rows, box.columns].all(axis=1)
    if first.is_interlaced:
        return _deinterlaced(decoded, reached)
    return decoded, len(one) if reached.all() else int(reached.argmin())


def _deinterlaced(decoded: Decoded, reached: NDArray[np.bool_]) -> tuple[Decoded, int]:
    """Fill the missing rows of an interlaced image with those above, if most are there."""
    if reached.mean() < MIN_SHARE:
        return decoded, int(reached.sum())
    # For each row the number of the last one above that was reached.
    above = np.maximum.accumulate(np.where(reached, np.arange(len(reached)), 0))
    alpha = None if decoded.alpha is None else decoded.alpha[above]
    return replace(decoded, image=decoded.image[above], alpha=alpha), len(reached)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
