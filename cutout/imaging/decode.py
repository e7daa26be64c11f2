"""From the bytes of an image file to upright pixels.

Decoding trusts nothing: the format is told by content from an allow-list, the size is read from
the header before anything is allocated. ICC profiles are dropped: values are taken as sRGB, which
is what the networks were trained on and what a file without a profile means; an image in a wide
gamut comes out a little pale.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from cutout.errors import ImageTooLarge, UndecodableImage
from cutout.imaging.bands import bands
from cutout.imaging.box import Size
from cutout.imaging.headers import Header, sniff
from cutout.imaging.headers.png import without_texts
from cutout.imaging.preprocess import resize
from cutout.imaging.straight import resize_cutout

Pixels = NDArray[np.uint8]
Stored = NDArray[np.integer[Any] | np.floating[Any]]

LONGEST_SIDE = 65_535
"""Of a JPEG; the cells of far longer images would be too many (`cutout.imaging.matting.cells`)."""

# Named for grey, but only a size: the names with COLOR in them bring a flag for BGR along.
REDUCED = {
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}


@dataclass(frozen=True)
class Raster:
    """An upright image in memory.

    `image` (h, w, 3) uint8 RGB; `alpha` (h, w) uint8, its own transparency, or None if opaque. What
    is wholly transparent is white in the image. `upload` is the size of the upright upload; the
    arrays are smaller where decoding was reduced.
    """

    image: Pixels
    alpha: Pixels | None
    upload: Size

    @property
    def size(self) -> Size:
        """Size of the arrays."""
        return Size(self.image.shape[1], self.image.shape[0])

    def resized(self, size: Size) -> "Raster":
        """Bring the arrays to that size."""
        if size == self.size:
            return self
        if self.alpha is None:
            return Raster(resize(self.image, *size), None, self.upload)
        # Hidden colours must have no part in the colours beside them.
        visible = cv2.copyTo(self.image, self.alpha)
        pixels = resize_cutout(np.dstack([visible, self.alpha]), *size)
        image = np.ascontiguousarray(pixels[:, :, :3])
        alpha = np.ascontiguousarray(pixels[:, :, 3])
        image[alpha == 0] = 255
        return Raster(image, alpha, self.upload)


def read_header(data: bytes, max_pixels: int) -> Header:
    """Read the header of an image file and hold it against the limits.

    Raises UnsupportedFormat, UndecodableImage or ImageTooLarge.
    """
    header = sniff(data)
    if max(header.width, header.height) > LONGEST_SIDE:
        raise ImageTooLarge(
            f"the image has {header.width} x {header.height} pixels; the limit is {LONGEST_SIDE} a side"
        )
    if header.pixels > max_pixels:
        raise ImageTooLarge(
            f"the image has {header.width} x {header.height} = {header.pixels} pixels; the limit "
            f"is {max_pixels}: send a smaller one, or raise CUTOUT_MAX_PIXELS"
        )
    return header


def reduction(header: Header, least: Size) -> int:
    """How far, by 1, 2, 4 or 8, a file can be reduced while it is decoded and still have `least`.

    The DCT of a JPEG allows that; every other format is decoded whole.
    """
    if header.format != "jpeg":
        return 1
    width, height = header.upright
    fitting = [
        factor
        for factor in REDUCED
        if width >= factor * least.width and height >= factor * least.height
    ]
    return max(fitting, default=1)


def decode(data: bytes, header: Header, factor: int = 1) -> Raster:
    """Decode the file that `header` was read from; of several frames or pages, the first.

    Every bit depth comes out as 8 bits, every colour model as RGB. `factor` is a `reduction`.
    Raises UndecodableImage.
    """
    stored = _stored(data, header, factor)
    image, alpha = _image_and_alpha(stored, header)
    orientation = 1 if header.turned_by_decoder else header.orientation
    if alpha is not None:
        alpha = _turn(alpha, orientation)
    image = _turn(image, orientation)
    expected = Size(-(-header.upright.width // factor), -(-header.upright.height // factor))
    raster = Raster(image, alpha, header.upright)
    if raster.size != expected:
        width, height = raster.size
        raise UndecodableImage(
            f"the image has {width} x {height} pixels, but its header says {expected.width} x {expected.height}"
        )
    return raster


def _image_and_alpha(stored: Stored, header: Header) -> tuple[Pixels, Pixels | None]:
    """What was decoded as RGB and, where something is transparent, its alpha."""
    pixels = _to_8_bits(stored, header.sample_max)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        image, alpha = _split(pixels)
        if header.premultiplied or (
            header.format == "tiff" and stored.dtype == np.uint8
        ):  # those libtiff multiplies
            _unpremultiply(image, alpha)
    elif pixels.ndim == 3:
        return (_swap_red_and_blue(pixels) if header.has_alpha else pixels), None
    elif header.format == "tiff" and header.has_alpha:
        raise UndecodableImage("grey TIFFs with alpha are not supported; save it as RGBA or PNG")
    else:
        image = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)
        if header.gray_key is None:
            return image, None
        alpha = np.where(stored == header.gray_key, np.uint8(0), np.uint8(255))
    return hide_transparent(image, alpha)


def hide_transparent(image: Pixels, alpha: Pixels) -> tuple[Pixels, Pixels | None]:
    """Make an image (h, w, 3) white where its alpha (h, w) is 0, as training has it. In place.

    Returns the alpha as None where it is 255 throughout.
    """
    if alpha.min() == 255:
        return image, None
    for rows in bands(image):
        hidden = cv2.inRange(alpha[rows], 0, 0)
        cv2.bitwise_or(image[rows], cv2.merge([hidden, hidden, hidden]), dst=image[rows])
    return image, alpha


def _stored(data: bytes, header: Header, factor: int) -> Stored:
    if header.format == "jpeg":
        pixels = _decode_jpeg(data, header, factor)
        if pixels is not None:
            return pixels
    return _imdecode(
        without_texts(data) if header.format == "png" else data, _flags(header, factor)
    )


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
        return np.asarray(
            simplejpeg.decode_jpeg(data, "RGB", min_height=height, min_width=width), np.uint8
        )
    except (ValueError, MemoryError):
        return None


def _imdecode(data: bytes, flags: int) -> Stored:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except (cv2.error, MemoryError) as error:
        raise UndecodableImage("the image cannot be decoded") from error
    if pixels is None:
        raise UndecodableImage(
            "the image is corrupt, truncated or an unsupported variant of its format"
        )
    return pixels


def _to_8_bits(pixels: Stored, sample_max: int) -> Pixels:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    if pixels.dtype == np.uint16:
        return np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / sample_max), np.uint8)
    raise UndecodableImage("the image has samples of neither 8 nor 16 bits")


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


def _turn(pixels: Pixels, orientation: int) -> Pixels:
    """Apply an EXIF orientation, 1 to 8."""
    if orientation >= 5:
        pixels = np.asarray(cv2.transpose(pixels), np.uint8)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else np.asarray(cv2.flip(pixels, flip, dst=pixels), np.uint8)
