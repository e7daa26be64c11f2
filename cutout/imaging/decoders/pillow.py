"""Decoding by Pillow: formats and variants that OpenCV does not read, or reads wrongly.

Its classes are called one by one, by the format that our own header says: `Image.open` would try
others, and warn of sizes that are within our limits.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
from PIL import ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from cutout.errors import UndecodableImage
from cutout.imaging.bands import bands
from cutout.imaging.colors import Conversion
from cutout.imaging.decoders.common import Decoded, Pixels
from cutout.imaging.decoders.pixels import split
from cutout.imaging.headers import Header
from cutout.imaging.headers.gif_bmp import FirstImage

CLASSES: dict[str, type[ImageFile.ImageFile]] = {
    "avif": AvifImageFile,
    "bmp": BmpImageFile,
    "tiff": TiffImageFile,
}


def decode_cmyk(data: bytes, header: Header, factor: int, convert: Conversion) -> Decoded:
    """Decode a JPEG or TIFF of CMYK, and convert it to sRGB by its profile.

    Raises UndecodableImage where the file is corrupt, or has more than four channels.
    """
    with decoding():
        image = _opened(data, header, factor)
        pixels = np.asarray(image, np.uint8) if image.mode == "CMYK" else None
    # Out here, as `decoding` would put words of its own around the message.
    if pixels is None:
        raise UndecodableImage("CMYK with more than four channels is not read; save it as RGB")
    return Decoded(convert(pixels), None, in_srgb=True)


def _opened(data: bytes, header: Header, factor: int = 1) -> ImageFile.ImageFile:
    if header.format == "jpeg":
        return open_jpeg(data, header, factor)
    if header.format == "gif":
        return GifImageFile(io.BytesIO(FirstImage.of(data).file))
    return CLASSES[header.format](io.BytesIO(data))


def open_jpeg(data: bytes, header: Header, factor: int) -> JpegImageFile:
    """Open a JPEG so that it is reduced by `factor` while it is decoded."""
    image = JpegImageFile(io.BytesIO(data))
    if factor > 1:
        # Rounded down: draft never goes below what is asked for, and would stop at twice as large.
        image.draft(None, (header.width // factor, header.height // factor))
    return image


def decode(data: bytes, header: Header) -> Decoded:
    """Decode the first frame of an AVIF or GIF, or a BMP.

    Raises UndecodableImage where the file is corrupt, or has another size than its header says.
    """
    with decoding():
        image = _opened(data, header)
        if image.size != (header.width, header.height):
            width, height = image.size
            raise ValueError(f"it has {width} x {height} pixels, its header says other")
        return decoded(image)


def decode_gif(gif: bytes) -> Decoded:
    """Decode the first image of a GIF as far as its data goes."""
    return decoded(_as_far(gif))


def color_numbers(gif: bytes) -> Pixels:
    """Return the colour numbers (H, W) uint8 of a GIF's first image, as far as its data goes."""
    return np.array(_as_far(gif))


def _as_far(gif: bytes) -> GifImageFile:
    image = GifImageFile(io.BytesIO(gif))
    with suppress(OSError):
        image.load()
    # Nothing is left to load, so that no later call tries, and raises, again.
    image.tile = []
    return image


def decoded(image: ImageFile.ImageFile) -> Decoded:
    """Return the pixels of an open file as 8 bits, and its alpha where it has one."""
    if not image.has_transparency_data:
        return Decoded(_pixels(image, "RGB"), None)
    return Decoded(*split(_pixels(image, "RGBA")))


def _pixels(image: ImageFile.ImageFile, mode: str) -> Pixels:
    """Return the pixels of a file in that mode, (h, w, 3) or (h, w, 4).

    A few rows at a time: of all at once, Pillow makes up to three copies, while libavif still holds
    planes of up to 8 bytes a pixel.
    """
    pixels = np.empty((image.height, image.width, len(mode)), np.uint8)
    image.load()
    for rows in bands(pixels):
        part = image.crop((0, rows.start, image.width, rows.stop))
        pixels[rows] = np.asarray(part if part.mode == mode else part.convert(mode))
    return pixels


@contextmanager
def decoding(what: str = "the image") -> Iterator[None]:
    """Turn whatever a corrupt file makes Pillow raise into UndecodableImage.

    MemoryError is passed on.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # of every kind: struct.error, KeyError, SyntaxError, ...
        raise UndecodableImage(f"{what} cannot be decoded: {error}") from error
