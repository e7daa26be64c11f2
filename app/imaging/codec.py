"""Bytes to pixels and back."""

import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from app.errors import InvalidOption, PictureTooLarge, UndecodablePicture
from app.imaging.header import Header, sniff

__all__ = ["Header", "Picture", "decode", "encode_jpeg", "encode_png", "encode_webp", "sniff"]

REDUCED = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


@dataclass(frozen=True)
class Picture:
    """An upright picture: image (H, W, 3) uint8 RGB, and its own transparency (H, W) uint8, or None."""

    image: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None

    @property
    def width(self) -> int:
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        return int(self.image.shape[0])


def decode(data: bytes, max_pixels: int, reduce: int = 1) -> Picture:
    """The upright picture in a file. Raises UnsupportedFormat, PictureTooLarge or UndecodablePicture."""
    header = sniff(data)
    if header.width * header.height > max_pixels:
        raise PictureTooLarge(f"{header.width} x {header.height} pixels; the most taken here is {max_pixels}")
    try:
        pixels = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED if header.has_alpha else cv2.IMREAD_COLOR_RGB
        )
    except cv2.error as error:
        raise UndecodablePicture("the picture can't be decoded") from error
    if pixels is None:
        raise UndecodablePicture("the picture is broken or cut off")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return Picture(
            np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB), np.uint8), np.ascontiguousarray(pixels[:, :, 3])
        )
    return Picture(np.asarray(pixels, np.uint8))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA as a PNG."""
    height, width = pixels.shape[:2]
    depth = 1 if pixels.ndim == 2 else pixels.shape[2]
    rows = np.empty((height, 1 + width * depth), np.uint8)
    rows[:, 0] = 2
    flat = pixels.reshape(height, width * depth)
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    color = {1: 0, 3: 2, 4: 6}[depth]
    header = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    body = isal_zlib.compress(rows.data, 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def encode_webp(pixels: NDArray[np.uint8]) -> bytes:
    return _encode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, 90])


def encode_jpeg(pixels: NDArray[np.uint8]) -> bytes:
    return _encode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])


def _encode(extension: str, pixels: NDArray[np.uint8], parameters: list[int]) -> bytes:
    if pixels.ndim == 3:
        pixels = np.asarray(
            cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR), np.uint8
        )
    try:
        written, data = cv2.imencode(extension, pixels, parameters)
    except cv2.error as error:
        raise InvalidOption("the picture is too large for this format") from error
    if not written:
        raise InvalidOption("the picture is too large for this format")
    return data.tobytes()
