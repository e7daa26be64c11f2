"""From pixels to the bytes of an image file: PNG, WebP, JPEG, or a ZIP of colour and alpha."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from cutout.errors import InvalidOption
from cutout.imaging.bands import bands
from cutout.imaging.compose import Cut

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Attached:
    """What a file says beside its pixels. `profile`: the ICC profile of its colours."""

    profile: bytes | None = None


NOTHING_ATTACHED = Attached()
WEBP_QUALITY, JPEG_QUALITY = 85, 92
PNG_COLOR = {1: 0, 3: 2, 4: 6}  # channels -> colour type
# the PNG filter that subtracts the row above: one pass of numpy, and within 5 % of the best
# filter's size
UP = 2
JPEG_PART = 65_519
"""Bytes of an ICC profile in one segment of a JPEG (ICC.1:2022, annex B.4)."""
RIM = 15
"""Side of the square, in pixels, over which colours reach out of the subject: about a JPEG block to
every side."""


def encode_png(pixels: Pixels | Cut, attached: Attached = NOTHING_ATTACHED) -> bytes:
    """Encode pixels (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8, as a PNG.

    Lossless, and fast rather than small. Rows are filtered and compressed a few at a time, so that
    nothing of the image's own size is allocated; isal releases the GIL.
    """
    pieces = pixels.bands() if isinstance(pixels, Cut) else [pixels]
    height, width, channels = (*pixels.shape, 1)[:3]
    parts = [
        b"\x89PNG\r\n\x1a\n",
        *_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, PNG_COLOR[channels], 0, 0, 0)),
        *_png_chunks(attached if channels > 1 else NOTHING_ATTACHED),
    ]
    compressor = isal_zlib.compressobj(1)
    for rows in _filtered_rows(pieces, width * channels):
        if body := compressor.compress(rows):
            parts += _chunk(b"IDAT", body)
    return b"".join([*parts, *_chunk(b"IDAT", compressor.flush()), *_chunk(b"IEND", b"")])


def _png_chunks(attached: Attached) -> Iterator[bytes]:
    if attached.profile is not None:
        yield from _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(attached.profile))


def _filtered_rows(pieces: Iterable[Pixels], row_bytes: int) -> Iterator[memoryview]:
    """Yield the bytes that PNG compresses: the filter's number, and each row less the one above."""
    buffer = np.empty((0, 1 + row_bytes), np.uint8)
    above = np.zeros(row_bytes, np.uint8)
    for piece in pieces:
        for part in bands(piece):
            rows = piece[part].reshape(-1, row_bytes)
            if len(buffer) < len(rows):
                buffer = np.empty((len(rows), 1 + row_bytes), np.uint8)
                buffer[:, 0] = UP
            filtered = buffer[: len(rows), 1:]
            np.subtract(rows[0], above, out=filtered[0])
            np.subtract(rows[1:], rows[:-1], out=filtered[1:])
            above[:] = rows[-1]
            yield buffer[: len(rows)].data


def _chunk(kind: bytes, body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    checksum = isal_zlib.crc32(body, isal_zlib.crc32(kind))
    return struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)


def encode_webp(
    pixels: Pixels, attached: Attached = NOTHING_ATTACHED, quality: int | None = None
) -> bytes:
    """Encode pixels (H, W, 3) RGB or (H, W, 4) RGBA, uint8, as a lossy WebP.

    `quality` is from 1 to 100. Raises InvalidOption beyond 16,383 pixels a side.
    """
    parameters = [cv2.IMWRITE_WEBP_QUALITY, quality or WEBP_QUALITY]
    return _imencode(".webp", pixels, parameters, longest=16_383, attached=attached)


def encode_jpeg(
    pixels: Pixels, attached: Attached = NOTHING_ATTACHED, quality: int | None = None
) -> bytes:
    """Encode pixels (H, W) grey or (H, W, 3) RGB, uint8, as a JPEG.

    `quality` is from 1 to 100. Raises InvalidOption beyond 65,500 pixels a side.
    """
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality or JPEG_QUALITY]
    jpeg = _imencode(".jpg", pixels, parameters, longest=65_500)
    if attached == NOTHING_ATTACHED or pixels.ndim == 2:
        return jpeg
    end = 4 + struct.unpack_from(">H", jpeg, 4)[0]  # of JFIF's own segment, which comes first
    return b"".join([jpeg[:end], *_jpeg_segments(attached), jpeg[end:]])


def _jpeg_segments(attached: Attached) -> Iterator[bytes]:
    profile = attached.profile or b""
    count = -(-len(profile) // JPEG_PART)
    for number in range(count):
        part = profile[number * JPEG_PART : (number + 1) * JPEG_PART]
        yield _segment(0xE2, b"ICC_PROFILE\0" + bytes((number + 1, count)) + part)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _imencode(
    extension: str,
    pixels: Pixels,
    parameters: list[int],
    longest: int,
    attached: Attached = NOTHING_ATTACHED,
) -> bytes:
    if max(pixels.shape[:2]) > longest:
        raise InvalidOption(
            f"{extension[1:]} holds at most {longest} pixels a side, and the result has "
            f"{max(pixels.shape[:2])}; ask for a smaller size, or for format png"
        )
    if pixels.ndim == 3:
        code = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
        pixels = np.asarray(cv2.cvtColor(pixels, code), np.uint8)
    if attached.profile is None:
        return cv2.imencode(extension, pixels, parameters)[1].tobytes()
    parts = [np.frombuffer(attached.profile, np.uint8)]
    kinds = [cv2.IMAGE_METADATA_ICCP]
    return cv2.imencodeWithMetadata(extension, pixels, kinds, parts, parameters)[1].tobytes()


def encode_zip(
    pixels: Pixels, attached: Attached = NOTHING_ATTACHED, quality: int | None = None
) -> bytes:
    """Encode a cut-out (H, W, 4) as a ZIP of exactly `color.jpg` and `alpha.png`.

    One of (H, W, 3) is fully opaque. `quality` is the JPEG's.
    """
    color, alpha = split(pixels)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # both are compressed already
        archive.writestr(zipfile.ZipInfo("color.jpg"), encode_jpeg(color, attached, quality))
        archive.writestr(zipfile.ZipInfo("alpha.png"), encode_png(alpha))
    return file.getvalue()


def split(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Split pixels into colour (H, W, 3) and alpha (H, W).

    The subject's colours are extended beyond its edge, so that JPEG does not mix black into it.
    """
    if pixels.shape[2] == 3:
        return pixels, np.full(pixels.shape[:2], 255, np.uint8)
    alpha = np.ascontiguousarray(pixels[:, :, 3])
    full = np.asarray(alpha > 0, np.uint8)
    count = cv2.boxFilter(full, cv2.CV_16U, (RIM, RIM), normalize=False)
    color = np.ascontiguousarray(pixels[:, :, :3])
    for channel in range(3):
        total = cv2.boxFilter(color[:, :, channel] * full, cv2.CV_16U, (RIM, RIM), normalize=False)
        np.copyto(color[:, :, channel], cv2.divide(total, count, dtype=cv2.CV_8U), where=full == 0)
    return color, alpha
