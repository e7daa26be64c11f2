"""From pixels to the bytes of an image file: PNG, WebP, JPEG, or a ZIP of colour and alpha."""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from cutout.errors import InvalidOption
from cutout.imaging import webp
from cutout.imaging.box import Size
from cutout.imaging.compose import Draw, LazyCutout
from cutout.imaging.deflate import deflate_rows
from cutout.imaging.fill import fill_transparent
from cutout.imaging.metadata import JPEG_XMP, NOTHING, Metadata
from cutout.imaging.straight_alpha import alpha_of

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Attached:
    """What a file says beside its pixels: the ICC profile of its colours, and metadata."""

    profile: bytes | None = None
    metadata: Metadata = NOTHING


NOTHING_ATTACHED = Attached()
WEBP_QUALITY = 85
JPEG_QUALITY = 92
MAX_JPEG_SIDE = 65_500  # pixels a side, of libjpeg
PNG_COLOR = {1: 0, 3: 2, 4: 6}  # channels -> colour type
PNG_PART = 1 << 21  # bytes of rows that are compressed by one thread
# 65,535 less the length (2), ICC_PROFILE and 0 (12), number and count (2).
JPEG_PART = 65_519
"""Bytes of an ICC profile in one segment of a JPEG (ICC.1:2022, annex B.4)."""


def encode_png(pixels: Pixels | LazyCutout, attached: Attached = NOTHING_ATTACHED) -> bytes:
    """Encode pixels as a PNG: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8.

    Lossless, and fast rather than small. A cut-out is drawn, filtered and compressed some rows at a
    time, so that nothing of the image's own size is allocated.
    """
    parts = [png_head(pixels.shape), *_png_chunks(attached, has_colors=len(pixels.shape) > 2)]
    for body in png_rows(pixels):
        parts += png_chunk(b"IDAT", body)
    return b"".join([*parts, *png_chunk(b"IEND", b"")])


def png_head(shape: tuple[int, ...]) -> bytes:
    """Return the signature and the IHDR chunk of a PNG of shape (H, W), (H, W, 3) or (H, W, 4)."""
    height, width, channels = (*shape, 1)[:3]
    size = struct.pack(">IIBBBBB", width, height, 8, PNG_COLOR[channels], 0, 0, 0)
    return b"".join([b"\x89PNG\r\n\x1a\n", *png_chunk(b"IHDR", size)])


def png_rows(pixels: Pixels | LazyCutout) -> Iterator[bytes]:
    """Filter and compress pixels; yield the parts of one zlib stream, the content of IDAT chunks.

    `pixels` are (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8.
    """
    height, width, channels = (*pixels.shape, 1)[:3]
    row_bytes = width * channels
    if isinstance(pixels, LazyCutout):
        draw, rows = pixels.drawing()
    else:
        draw, rows = _drawing(pixels.reshape(height, row_bytes))
    return deflate_rows(draw, rows, row_bytes)


def _drawing(pixels: Pixels) -> tuple[Draw, list[slice]]:
    """Return what draws rows that exist already, (H, row_bytes), and their parts."""
    height = len(pixels)
    step = max(1, PNG_PART // pixels.shape[1])
    parts = [slice(top, min(top + step, height)) for top in range(0, height, step)]
    return lambda rows, _: pixels[rows], parts


def _png_chunks(attached: Attached, has_colors: bool) -> Iterator[bytes]:
    said = attached.metadata
    if attached.profile is not None and has_colors:
        # Name, its end, and 0 for Deflate. A kept profile is one of RGB, so none for a grey image.
        yield from png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(attached.profile))
    if said.dpi is not None:
        # PNG counts pixels per metre: unit 1.
        across, down = (round(value / 0.0254) for value in said.dpi)
        yield from png_chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if said.exif is not None:
        yield from png_chunk(b"eXIf", said.exif)
    if said.xmp is not None:
        # Zeros: end of the keyword, not compressed, method, and two empty texts (language,
        # keyword).
        yield from png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + said.xmp)


def png_chunk(kind: bytes, body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Make a PNG chunk, in four pieces to be joined: length, type, body and CRC."""
    checksum = isal_zlib.crc32(body, isal_zlib.crc32(kind))
    return struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)


def encode_webp(
    pixels: Pixels, attached: Attached = NOTHING_ATTACHED, quality: int | None = None
) -> bytes:
    """Encode pixels as a WebP, colours lossy and alpha lossless.

    `pixels` are (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8. `quality`, of the colours, is
    from 1 to 100, and WEBP_QUALITY if None. Raises InvalidOption beyond 16,383 pixels a side.
    """
    profile = attached.profile if pixels.ndim == 3 else None
    size = Size(pixels.shape[1], pixels.shape[0])
    return webp.still(webp_planes(pixels, quality), size, profile, attached.metadata)


def webp_planes(pixels: Pixels, quality: int | None = None) -> webp.Chunks:
    """Compress pixels to the chunks of a WebP: alpha, if any, and colours.

    `pixels` are (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8. `quality`, of the colours, is
    from 1 to 100, and WEBP_QUALITY if None. Raises InvalidOption beyond 16,383 pixels a side.
    """
    refuse_longer(pixels.shape, webp.MAX_SIDE, "webp")
    if pixels.ndim == 2:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)
    return webp.planes(*split(pixels), quality or WEBP_QUALITY)


def encode_jpeg(
    pixels: Pixels, attached: Attached = NOTHING_ATTACHED, quality: int | None = None
) -> bytes:
    """Encode pixels (H, W) grey or (H, W, 3) RGB, uint8, as a JPEG.

    `quality` is from 1 to 100, and JPEG_QUALITY if None. Raises InvalidOption beyond 65,500 pixels
    a side.
    """
    refuse_longer(pixels.shape, MAX_JPEG_SIDE, "jpeg")
    if pixels.ndim == 3:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), np.uint8)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality or JPEG_QUALITY]
    jpeg = cv2.imencode(".jpg", pixels, parameters)[1].tobytes()
    if attached == NOTHING_ATTACHED:
        return jpeg
    end = 4 + struct.unpack_from(">H", jpeg, 4)[0]  # of JFIF's own segment, which comes first
    head = jpeg[:end]
    if attached.metadata.dpi is not None:
        across, down = (min(65_535, round(value)) for value in attached.metadata.dpi)
        # Bytes 13 to 17 of a JFIF: unit (1 is the inch) and both densities, of 16 bits.
        head = head[:13] + struct.pack(">BHH", 1, across, down) + head[18:]
    return b"".join([head, *_jpeg_segments(attached, pixels.ndim == 3), jpeg[end:]])


def _jpeg_segments(attached: Attached, has_colors: bool) -> Iterator[bytes]:
    if attached.metadata.exif is not None:
        yield _segment(0xE1, b"Exif\0\0" + attached.metadata.exif)
    if attached.metadata.xmp is not None:
        yield _segment(0xE1, JPEG_XMP + attached.metadata.xmp)
    profile = attached.profile if has_colors and attached.profile else b""
    count = -(-len(profile) // JPEG_PART)
    for number in range(count):
        part = profile[number * JPEG_PART : (number + 1) * JPEG_PART]
        yield _segment(0xE2, b"ICC_PROFILE\0" + bytes((number + 1, count)) + part)


def _segment(marker: int, body: bytes) -> bytes:
    # The length counts its own two bytes.
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def refuse_longer(shape: tuple[int, ...], longest: int, name: str) -> None:
    """Raise InvalidOption where a side of pixels of this shape, (H, W, ...), exceeds a format's."""
    if max(shape[:2]) > longest:
        raise InvalidOption(
            f"{name} holds at most {longest} pixels a side, and the result has {max(shape[:2])}; "
            "ask for a smaller size, or for format png"
        )


def encode_zip(
    pixels: Pixels, attached: Attached = NOTHING_ATTACHED, quality: int | None = None
) -> bytes:
    """Encode a cut-out as a ZIP of exactly `color.jpg` and `alpha.png`.

    `pixels` are (H, W, 4) RGBA, or (H, W, 3) RGB, which is opaque throughout; uint8. `quality` is
    the JPEG's, whose colours continue beyond the subject's edge, so that no black is mixed into it.
    Raises InvalidOption beyond 65,500 pixels a side.
    """
    color, alpha = split(pixels)
    if alpha is None:
        alpha = np.full(pixels.shape[:2], 255, np.uint8)
    else:
        color = fill_transparent(color, alpha)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # both are compressed already
        # A bare ZipInfo has a fixed date, so that equal results are equal bytes.
        archive.writestr(zipfile.ZipInfo("color.jpg"), encode_jpeg(color, attached, quality))
        archive.writestr(zipfile.ZipInfo("alpha.png"), encode_png(alpha))
    return file.getvalue()


def split(pixels: Pixels) -> tuple[Pixels, Pixels | None]:
    """Split pixels (H, W, 3) RGB or (H, W, 4) RGBA, uint8, into colours and alpha.

    Returns colours (H, W, 3) and alpha (H, W), uint8; None for an alpha that is 255 throughout.
    """
    if pixels.shape[2] == 3:
        return pixels, None
    alpha = alpha_of(pixels)
    color = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB), np.uint8)
    return color, None if int(alpha.min()) == 255 else alpha
