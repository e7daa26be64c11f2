"""Sources of images, to which results go back: a file in memory, or an array."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.errors import ImageTooLarge, InvalidOption
from cutout.imaging.box import Size
from cutout.imaging.compose import LazyCutout
from cutout.imaging.decode import MAX_SIDE, Raster, decode, hide_transparent, read_header
from cutout.imaging.encode import (
    NOTHING_ATTACHED,
    Attached,
    encode_jpeg,
    encode_png,
    encode_webp,
    encode_zip,
)
from cutout.imaging.encode_frames import Frame, encode_gif
from cutout.imaging.headers import Header
from cutout.imaging.metadata import Metadata, read_metadata
from cutout.options import Format
from cutout.settings import MAX_FRAMES

Pixels = NDArray[np.uint8]
T_co = TypeVar("T_co", covariant=True)


WRITERS: dict[Format, tuple[str, Callable[[Any, Attached, int | None], bytes]]] = {
    Format.png: ("image/png", lambda pixels, attached, _: encode_png(pixels, attached)),
    Format.webp: ("image/webp", encode_webp),
    Format.jpeg: ("image/jpeg", encode_jpeg),
    Format.zip: ("application/zip", encode_zip),
    Format.gif: ("image/gif", lambda pixels, *_: encode_gif([Frame(pixels, 0)])),
}


class Source(Protocol[T_co]):
    """An image to process, and the form that its result takes."""

    @property
    def header(self) -> Header:
        """The header of the image, known before anything is decoded."""
        ...

    @property
    def max_pixels(self) -> int:
        """The most pixels that the image, and a result enlarged by margins, may have."""
        ...

    def decode(
        self, factor: int = 1, size: Size | None = None, keep_profile: bool = False
    ) -> Raster:
        """Decode the image, a JPEG reduced by `factor`, and resize it to `size`.

        With `keep_profile` the colours as stored come too, where the file has a profile for them.
        Raises UndecodableImage where the image is corrupt.
        """
        ...

    def metadata(self) -> Metadata:
        """Read the metadata of the image: density, EXIF, XMP."""
        ...

    def write(
        self,
        pixels: Pixels | LazyCutout,
        form: Format,
        attached: Attached = NOTHING_ATTACHED,
        quality: int | None = None,
    ) -> T_co:
        """Make the result of finished pixels: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8.

        `quality`, 1 to 100, is for lossy formats; None stands for the default of each. Raises
        InvalidOption where the format does not allow so large an image.
        """
        ...


@dataclass(frozen=True)
class File:
    """The bytes of a finished file, and its media type."""

    data: bytes
    media_type: str


@dataclass(frozen=True)
class Upload:
    """An image file in memory, its header read and within the limits; its result is a `File`.

    `max_pixels` is the most pixels that the image, and a result enlarged by margins, may have;
    `max_frames` the most frames of an animation that may be cut out.
    """

    data: bytes
    header: Header
    max_pixels: int
    max_frames: int = MAX_FRAMES

    @classmethod
    def read(cls, data: bytes, max_pixels: int, max_frames: int = MAX_FRAMES) -> "Upload":
        """Read the header of a file.

        Raises UnsupportedFormat, UndecodableImage where the header is corrupt, or ImageTooLarge
        where it has more than `max_pixels` pixels.
        """
        return cls(data, read_header(data, max_pixels), max_pixels, max_frames)

    def decode(
        self, factor: int = 1, size: Size | None = None, keep_profile: bool = False
    ) -> Raster:
        """Decode the file, a JPEG reduced by `factor`, and resize it to `size`.

        With `keep_profile` the colours as stored come too. Raises UndecodableImage where it is
        corrupt.
        """
        return decode(self.data, self.header, factor, size, keep_profile)

    def metadata(self) -> Metadata:
        """Read the metadata of the file; none where it is corrupt."""
        return read_metadata(self.data, self.header)

    def write(
        self,
        pixels: Pixels | LazyCutout,
        form: Format,
        attached: Attached = NOTHING_ATTACHED,
        quality: int | None = None,
    ) -> File:
        """Encode pixels (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8, as a file of that format.

        `auto` is PNG where something is transparent, else JPEG. `quality`, 1 to 100, is for lossy
        formats. Raises InvalidOption where the format does not allow so large an image.
        """
        if form is Format.auto:
            pixels, form = _simplest(pixels)
        media_type, encode = WRITERS[form]
        whole = (
            # The PNG encoder draws the cut-out itself, band by band.
            pixels.whole() if isinstance(pixels, LazyCutout) and form is not Format.png else pixels
        )
        return File(encode(whole, attached, quality), media_type)


@dataclass(frozen=True)
class ArraySource:
    """An image as an array (H, W, 3) RGB or (H, W, 4) RGBA, uint8; its result is an array too."""

    pixels: Pixels
    max_pixels: int

    @classmethod
    def of(cls, array: NDArray[np.uint8], max_pixels: int) -> "ArraySource":
        """Check an array: (H, W, 3) RGB or (H, W, 4) RGBA, uint8, with at least one pixel.

        Raises InvalidOption where it is of another shape or dtype, and ImageTooLarge where it has
        more than `max_pixels` pixels.
        """
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (3, 4):
            raise InvalidOption(
                f"an array of shape {array.shape} and type {array.dtype}; expected (H, W, 3) RGB "
                "or (H, W, 4) RGBA of type uint8"
            )
        height, width = array.shape[:2]
        if not height or not width:
            raise InvalidOption(f"an array of shape {array.shape} has no pixel")
        if max(height, width) > MAX_SIDE or height * width > max_pixels:
            raise ImageTooLarge(
                f"an array of {width} x {height} pixels; the limits are {max_pixels} in all "
                f"(max_pixels) and {MAX_SIDE} a side"
            )
        return cls(array, max_pixels)

    @property
    def header(self) -> Header:
        """A header that says its size."""
        return Header("array", self.pixels.shape[1], self.pixels.shape[0])

    def decode(
        self, factor: int = 1, size: Size | None = None, keep_profile: bool = False
    ) -> Raster:
        """Return the pixels, resized to `size`; the other parameters are for files."""
        if self.pixels.shape[2] == 4:
            # Copies: `hide_transparent` writes into the image, and the array is the caller's own.
            # `ascontiguousarray` makes none of a single pixel.
            image, alpha = hide_transparent(
                self.pixels[:, :, :3].copy(), self.pixels[:, :, 3].copy()
            )
        else:
            # Of a contiguous array no copy: nothing is written into an opaque image.
            image, alpha = np.ascontiguousarray(self.pixels), None
        raster = Raster(image, alpha, self.header.upright)
        return raster.resized(size or raster.size)

    def metadata(self) -> Metadata:
        """Return no metadata."""
        return Metadata()

    def write(
        self,
        pixels: Pixels | LazyCutout,
        form: Format,
        attached: Attached = NOTHING_ATTACHED,
        quality: int | None = None,
    ) -> Pixels:
        """Return pixels (H, W) as they are, (H, W, 3) RGB or (H, W, 4) RGBA as (H, W, 4), uint8."""
        whole = pixels.whole() if isinstance(pixels, LazyCutout) else pixels
        if whole.ndim == 3 and whole.shape[2] == 3:
            return np.asarray(cv2.cvtColor(whole, cv2.COLOR_RGB2RGBA), np.uint8)
        return whole


def _simplest(pixels: Pixels | LazyCutout) -> tuple[Pixels | LazyCutout, Format]:
    """Choose the format: PNG for an alpha, or where something is transparent, else JPEG."""
    if isinstance(pixels, LazyCutout):
        # The alpha alone tells, so that nothing is drawn for it.
        if pixels.alpha.min() < 255:
            return pixels, Format.png
        pixels = pixels.whole()
    if pixels.ndim == 3 and pixels.shape[2] == 4 and int(pixels[:, :, 3].min()) == 255:
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    is_opaque = pixels.ndim == 3 and pixels.shape[2] == 3
    return pixels, Format.jpeg if is_opaque else Format.png
