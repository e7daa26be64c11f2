"""Bytes to pixels and back.

Decoding trusts nothing: the format is told by content from an allow-list, the size is read from the header before
anything is allocated. ICC profiles are dropped: values are taken as sRGB, which is what the networks were trained on
and what a file without a profile means; a picture in a wide gamut comes out a little pale.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import simplejpeg
from isal import isal_zlib
from numpy.typing import NDArray

from cutout.errors import InvalidOption, PictureTooLarge, UndecodablePicture
from cutout.imaging.bands import bands
from cutout.imaging.header import Header, sniff, without_texts
from cutout.imaging.sizes import Sizing

__all__ = ["Header", "Picture", "decode", "encode_jpeg", "encode_png", "encode_png_bands", "encode_webp", "sniff"]

Pixels = NDArray[np.uint8]
Stored = NDArray[np.integer[Any] | np.floating[Any]]

LONGEST_SIDE = (
    65_535  # of a JPEG; far longer pictures would have cells without number in `cutout.imaging.matting.cells`
)
# Named for grey, but only a size: the names with COLOR in them bring a flag for BGR along.
REDUCED = {2: cv2.IMREAD_REDUCED_GRAYSCALE_2, 4: cv2.IMREAD_REDUCED_GRAYSCALE_4, 8: cv2.IMREAD_REDUCED_GRAYSCALE_8}
PNG_COLOR = {1: 0, 3: 2, 4: 6}  # channels -> colour type
UP = 2  # the PNG filter that subtracts the row above: one pass of numpy, and within 5 % of the best filter's size


@dataclass(frozen=True)
class Picture:
    """An upright picture: image (h, w, 3) uint8 RGB; its own transparency, alpha (h, w) uint8, or None if opaque. What
    is wholly transparent is white in the image.

    `width` and `height` are the upright upload's; those of the arrays are smaller where the decoding was reduced.
    """

    image: Pixels
    alpha: Pixels | None
    width: int
    height: int


def decode(data: bytes, max_pixels: int, least: Sizing | None = None) -> Picture:
    """The upright picture in a file of a format that `sniff` knows; of several frames or pages, the first.

    Every bit depth comes out as 8 bits, every colour model as RGB. Where fewer pixels are enough, `least` lets a JPEG
    be decoded at 1/2, 1/4 or 1/8 of its size (its DCT allows that), but no smaller than that; others stay whole.
    Raises UnsupportedFormat, PictureTooLarge (by the header, before anything is allocated) or UndecodablePicture.
    """
    header = _admitted(data, max_pixels)
    factor = 1 if least is None or header.format != "jpeg" else reduction(header.upright, least(*header.upright))
    stored = _stored(data, header, factor)
    if stored.shape[0] * stored.shape[1] > -(-header.width // factor) * -(-header.height // factor):
        raise UndecodablePicture("the picture is larger than its header says")
    image, alpha = _image_and_alpha(stored, header)
    if alpha is not None:
        alpha = _turn(alpha, header.orientation)
    image = _turn(image, header.orientation)
    upright = header.upright if factor > 1 else (image.shape[1], image.shape[0])
    return Picture(image, alpha, *upright)


def _admitted(data: bytes, max_pixels: int) -> Header:
    """A picture's header. Raises UnsupportedFormat or PictureTooLarge."""
    header = sniff(data)
    size = f"{header.width} x {header.height} pixels"
    if max(header.width, header.height) > LONGEST_SIDE:
        raise PictureTooLarge(f"{size}; the longest side taken here is {LONGEST_SIDE}")
    if header.width * header.height > max_pixels:
        raise PictureTooLarge(f"{size}; the most taken here is {max_pixels}")
    return header


def _image_and_alpha(stored: Stored, header: Header) -> tuple[Pixels, Pixels | None]:
    """What was decoded as RGB and, where something is transparent, its alpha."""
    pixels = _to_8_bits(stored, header.sample_max)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        image, alpha = _split(pixels)
        if header.premultiplied or (header.format == "tiff" and stored.dtype == np.uint8):  # those libtiff multiplies
            _unpremultiply(image, alpha)
    elif pixels.ndim == 3:
        return (_swap_red_and_blue(pixels) if header.has_alpha else pixels), None
    elif header.format == "tiff" and header.has_alpha:
        raise UndecodablePicture("TIFFs of grey and alpha are not read here; save it in RGBA, or as a PNG")
    else:
        image = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)
        if header.gray_key is None:
            return image, None
        alpha = np.where(stored == header.gray_key, np.uint8(0), np.uint8(255))
    if alpha.min() == 255:
        return image, None
    _whiten(image, alpha)
    return image, alpha


def reduction(size: tuple[int, int], least: tuple[int, int]) -> int:
    """How far (1, 2, 4 or 8) a size (width, height) can be reduced and still be as large as `least`."""
    return max(
        factor
        for factor in (1, *REDUCED)
        if factor == 1 or (size[0] >= factor * least[0] and size[1] >= factor * least[1])
    )


def _stored(data: bytes, header: Header, factor: int) -> Stored:
    if header.format == "jpeg":
        pixels = _decode_jpeg(data, header, factor)
        if pixels is not None:
            return pixels
    return _imdecode(without_texts(data) if header.format == "png" else data, _flags(header, factor))


def _flags(header: Header, factor: int) -> int:
    """OpenCV's flags. Its own EXIF rotation is always off (it knows not every format), ours is in `_turn`."""
    if header.has_alpha:
        return cv2.IMREAD_UNCHANGED
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return flags | REDUCED[factor] if factor > 1 else flags


def _decode_jpeg(data: bytes, header: Header, factor: int) -> Pixels | None:
    """What `_imdecode` makes of a sound JPEG, without the copy of all pixels that OpenCV's Python makes of its answer:
    22 of 56 ms at 12 megapixels. None for what libjpeg has anything to say about, and for CMYK: OpenCV decides."""
    height, width = -(-header.height // factor), -(-header.width // factor)
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width), np.uint8)
    except (ValueError, MemoryError):
        return None


def _imdecode(data: bytes, flags: int) -> Stored:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        raise UndecodablePicture("the picture can't be decoded") from error
    if pixels is None:
        raise UndecodablePicture("the picture is broken, cut off, or of a rare kind that is not read here")
    return pixels


def _to_8_bits(pixels: Stored, sample_max: int) -> Pixels:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    if pixels.dtype == np.uint16:
        return np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / sample_max), np.uint8)
    raise UndecodablePicture("the picture's samples are neither 8 nor 16 bits deep")


def _split(bgra: Pixels) -> tuple[Pixels, Pixels]:
    image, alpha = np.empty((*bgra.shape[:2], 3), np.uint8), np.empty(bgra.shape[:2], np.uint8)
    cv2.mixChannels([bgra], [image, alpha], [2, 0, 1, 1, 0, 2, 3, 3])
    return image, alpha


def _swap_red_and_blue(image: Pixels) -> Pixels:
    """In place, band by band: OpenCV copies what it converts in place, and a copy of a band stays in the cache."""
    for rows in bands(image):
        cv2.cvtColor(image[rows], cv2.COLOR_BGR2RGB, dst=image[rows])
    return image


def _unpremultiply(image: Pixels, alpha: Pixels) -> None:
    """Colours as they were before they were multiplied by alpha, in place."""
    for rows in bands(image):
        planes = [cv2.divide(plane, alpha[rows], scale=255) for plane in cv2.split(image[rows])]
        image[rows] = cv2.merge(planes)


def _whiten(image: Pixels, alpha: Pixels) -> None:
    """White where nothing is to be seen, as training has it, whatever the file hides there. In place."""
    for rows in bands(image):
        hidden = cv2.inRange(alpha[rows], 0, 0)
        cv2.bitwise_or(image[rows], cv2.merge([hidden, hidden, hidden]), dst=image[rows])


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation, 1 to 8."""
    if orientation >= 5:
        pixels = np.asarray(cv2.transpose(pixels), np.uint8)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else np.asarray(cv2.flip(pixels, flip, dst=pixels), np.uint8)


def encode_png(pixels: Pixels) -> bytes:
    """Pixels (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8, as a PNG. Lossless, and fast rather than small."""
    return encode_png_bands(pixels.shape, [pixels])


def encode_png_bands(shape: tuple[int, ...], pieces: Iterable[Pixels]) -> bytes:
    """As `encode_png`, of pixels of that shape that come some rows at a time, from the top.

    A piece may be overwritten once the next is asked for. Rows are filtered and compressed a few at a time, so that
    nothing of the picture's own size is allocated and the interpreter is free (isal lets go of it) while others work.
    """
    height, width, channels = (*shape, 1)[:3]
    parts = [
        b"\x89PNG\r\n\x1a\n",
        *_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, PNG_COLOR[channels], 0, 0, 0)),
    ]
    compressor = isal_zlib.compressobj(1)
    for rows in _filtered_rows(pieces, width * channels):
        if body := compressor.compress(rows):
            parts += _chunk(b"IDAT", body)
    return b"".join([*parts, *_chunk(b"IDAT", compressor.flush()), *_chunk(b"IEND", b"")])


def _filtered_rows(pieces: Iterable[Pixels], row_bytes: int) -> Iterator[memoryview]:
    """The bytes that PNG compresses: each row less the one above it, with the filter's number in front."""
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


def encode_webp(pixels: Pixels, quality: int = 85) -> bytes:
    """Pixels (H, W, 3) RGB or (H, W, 4) RGBA, uint8, as a lossy WebP. Raises InvalidOption beyond 16,383 pixels."""
    return _imencode(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality], longest=16_383)


def encode_jpeg(pixels: Pixels, quality: int = 92) -> bytes:
    """Pixels (H, W) grey or (H, W, 3) RGB, uint8, as a JPEG. Raises InvalidOption beyond 65,500 pixels."""
    return _imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality], longest=65_500)


def _imencode(extension: str, pixels: Pixels, parameters: list[int], longest: int) -> bytes:
    if max(pixels.shape[:2]) > longest:
        raise InvalidOption(f"{extension[1:]} holds at most {longest} pixels a side; ask for a smaller size or for png")
    if pixels.ndim == 3:
        code = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
        pixels = np.asarray(cv2.cvtColor(pixels, code), np.uint8)
    return cv2.imencode(extension, pixels, parameters)[1].tobytes()
