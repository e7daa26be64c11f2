"""Decoding by OpenCV, and of intact JPEGs by libjpeg-turbo alone."""

from contextlib import suppress
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from cutout.errors import UndecodableImage
from cutout.imaging.bands import bands
from cutout.imaging.decoders.common import Decoded, Pixels
from cutout.imaging.decoders.pixels import split, unpremultiply
from cutout.imaging.headers import Header
from cutout.imaging.headers.common import Malformed
from cutout.imaging.headers.png_pixels import with_bounded_pixels

Stored = NDArray[np.integer[Any] | np.floating[Any]]

UNKNOWN = "the image is corrupt, truncated or an unsupported variant of its format"
"""OpenCV does not say more."""
MIN_WEBP_BYTES = 32
"""OpenCV reads no WebP of fewer bytes; an image of one colour takes 28."""

# Named for grey, but only a size: the names with COLOR in them bring a flag for BGR along.
REDUCED = {
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


def decode(data: bytes, header: Header, factor: int, deep: bool) -> Decoded:
    """Decode a JPEG, PNG, WebP, BMP or TIFF, reduced by `factor`.

    Returns uint8; with `deep`, colours of 16 bits come out as uint16. Raises UndecodableImage where
    the file is corrupt, truncated or of a variant that OpenCV does not read.
    """
    stored = _stored(data, header, factor, deep)
    # `unpremultiply` divides 8 bits, so multiplied colours take the way below.
    if deep and stored.dtype == np.uint16 and stored.ndim == 3 and not header.premultiplied:
        return _deep(np.asarray(stored, np.uint16), header)
    pixels = _to_8_bits(stored)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        image, alpha = split(pixels, "bgra")
        if header.premultiplied or (
            header.format == "tiff" and stored.dtype == np.uint8
        ):  # those libtiff multiplies
            unpremultiply(image, alpha)
        return Decoded(image, alpha)
    if pixels.ndim == 3:
        # With `has_alpha` they were read by IMREAD_UNCHANGED, which gives BGR.
        return Decoded(_swap_red_and_blue(pixels) if header.has_alpha else pixels, None)
    if header.format == "tiff" and header.has_alpha:
        raise UndecodableImage("grey TIFFs with alpha are not supported; save it as RGBA or PNG")
    image = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)
    if header.gray_key is None:
        return Decoded(image, None)
    # Compared as stored: rounded to 8 bits, the grey's neighbours would be transparent too.
    return Decoded(image, np.where(stored == header.gray_key, np.uint8(0), np.uint8(255)))


def _deep(stored: NDArray[np.uint16], header: Header) -> Decoded:
    """Take samples of 16 bits apart: RGB uint16, and alpha uint8."""
    if stored.shape[2] == 3:
        swap = header.has_alpha
        image = cv2.cvtColor(stored, cv2.COLOR_BGR2RGB) if swap else stored
        return Decoded(np.asarray(image, np.uint16), None)
    image = np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGRA2RGB), np.uint16)
    return Decoded(image, _to_8_bits(np.ascontiguousarray(stored[:, :, 3])))


def _stored(data: bytes, header: Header, factor: int, deep: bool) -> Stored:
    if header.format == "jpeg":
        pixels = decode_jpeg(data, header, factor)
        if pixels is not None:
            return pixels
    file: bytes | bytearray = _bounded_png(data) if header.format == "png" else data
    if len(file) < MIN_WEBP_BYTES and header.format == "webp":
        file = file.ljust(MIN_WEBP_BYTES, b"\0")
    return _imdecode(file, _flags(header, factor, deep))


def _bounded_png(data: bytes) -> bytearray:
    try:
        return with_bounded_pixels(data)
    except Malformed as error:
        raise UndecodableImage(f"the PNG is corrupt: {error}") from error


def _flags(header: Header, factor: int, deep: bool) -> int:
    """Return OpenCV's flags; its own EXIF rotation is off, as it does not know every format."""
    if header.has_alpha:
        return cv2.IMREAD_UNCHANGED
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    if deep:
        flags |= cv2.IMREAD_ANYDEPTH
    return flags | REDUCED[factor] if factor > 1 else flags


def decode_jpeg(data: bytes, header: Header, factor: int) -> Pixels | None:
    """Decode an intact JPEG to (h, w, 3) uint8 RGB, reduced by `factor`, without OpenCV's copy.

    That copy of all pixels takes 22 of 56 ms at 12 megapixels. Returns None for what libjpeg warns
    of, and for CMYK: OpenCV decides on these.
    """
    height, width = -(-header.height // factor), -(-header.width // factor)
    try:
        return np.asarray(
            simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width), np.uint8
        )
    except (ValueError, MemoryError):
        return None


def _imdecode(data: bytes | bytearray, flags: int) -> Stored:
    pixels = None
    # OpenCV raises for some files, and returns None for others.
    with suppress(cv2.error):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise UndecodableImage(UNKNOWN)
    return pixels


def _to_8_bits(pixels: Stored) -> Pixels:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    if pixels.dtype == np.uint16:
        return np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / 65535), np.uint8)
    raise UndecodableImage("the image has samples of neither 8 nor 16 bits")


def _swap_red_and_blue(image: Pixels) -> Pixels:
    """Swap the channels in place; band by band, as OpenCV copies what it converts in place."""
    for rows in bands(image):
        cv2.cvtColor(image[rows], cv2.COLOR_BGR2RGB, dst=image[rows])
    return image
