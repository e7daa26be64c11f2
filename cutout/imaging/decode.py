"""From the bytes of an image file to upright pixels in sRGB.

Decoding trusts nothing: the format is told by content from an allow-list, and the size is read from
the header before anything is allocated. Colours come out as sRGB (`cutout.imaging.colors`), which
is what the networks were trained on, and what a file without a profile means.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.errors import ImageTooLarge, UndecodableImage
from cutout.imaging.bands import bands
from cutout.imaging.box import Size
from cutout.imaging.colors import Conversion, conversion, profile_to_keep, to_8_bits
from cutout.imaging.decoders import heif, opencv, pillow
from cutout.imaging.decoders.animated import Animation
from cutout.imaging.decoders.common import Decoded
from cutout.imaging.decoders.pixels import turned
from cutout.imaging.decoders.truncated import decode_rest
from cutout.imaging.headers import Header, sniff
from cutout.imaging.headers.gif_bmp import needs_pillow
from cutout.imaging.preprocess import resize
from cutout.imaging.straight_alpha import resize_cutout
from cutout.system.shortage import check_memory

Pixels = NDArray[np.uint8]

MAX_SIDE = 65_535
"""Of a JPEG; the cells of far longer images would be too many (`cutout.imaging.matting.cells`)."""


@dataclass(frozen=True)
class Raster:
    """An upright image in memory.

    - `image` (h, w, 3) uint8 RGB. What is wholly transparent is white in it.
    - `alpha` (h, w) uint8 is the image's own transparency; None if it is opaque.
    - `upload` is the size of the upright upload; the arrays are smaller where decoding was reduced.
    - `profile` is the file's own ICC profile where that was to be kept, and `kept` (h, w, 3) uint8
      the image in the colours of that profile.
    - `rows`: of a truncated file, how many rows of the upload, as stored, were there.
    """

    image: Pixels
    alpha: Pixels | None
    upload: Size
    kept: Pixels | None = None
    profile: bytes | None = None
    rows: int | None = None

    @property
    def size(self) -> Size:
        """Width and height of the arrays in pixels."""
        return Size(self.image.shape[1], self.image.shape[0])

    @property
    def shown(self) -> Pixels:
        """What an answer shows, (h, w, 3) uint8: the image in its own colours if they were kept."""
        return self.image if self.kept is None else self.kept

    def resized(self, size: Size) -> "Raster":
        """Bring the arrays to that size; `upload` stays as it is."""
        if size == self.size:
            return self
        if self.alpha is None:
            return replace(self, image=resize(self.image, *size))
        # Hidden colours must have no part in the colours beside them.
        visible = cv2.copyTo(self.image, self.alpha)
        pixels = resize_cutout(np.dstack([visible, self.alpha]), *size)
        image = np.ascontiguousarray(pixels[:, :, :3])
        alpha = np.ascontiguousarray(pixels[:, :, 3])
        image[alpha == 0] = 255
        return replace(self, image=image, alpha=alpha)


def read_header(data: bytes, max_pixels: int) -> Header:
    """Read the header of an image file, and check its size against the limits.

    Raises UnsupportedFormat where the format is not read here, UndecodableImage where the header is
    corrupt, and ImageTooLarge where the image has more than `max_pixels` pixels, or MAX_SIDE a
    side.
    """
    header = sniff(data)
    if max(header.width, header.height) > MAX_SIDE:
        raise ImageTooLarge(
            f"the image has {header.width} x {header.height} pixels; the limit is {MAX_SIDE} a "
            "side: send a smaller one"
        )
    if header.pixels > max_pixels:
        raise ImageTooLarge(
            f"the image has {header.width} x {header.height} = {header.pixels} pixels; the limit "
            f"is {max_pixels}: send a smaller one, or raise CUTOUT_MAX_PIXELS"
        )
    return header


def reduction(header: Header, least: Size) -> int:
    """Return by how much a file can be reduced while it is decoded: 1, 2, 4 or 8.

    The reduced image is no smaller than `least` pixels. The DCT of a JPEG allows that; every other
    format is decoded whole.
    """
    if header.format != "jpeg":
        return 1
    width, height = header.upright
    fitting = [
        factor
        for factor in (2, 4, 8)
        if width >= factor * least.width and height >= factor * least.height
    ]
    return max(fitting, default=1)


def decode(
    data: bytes,
    header: Header,
    factor: int = 1,
    size: Size | None = None,
    keep_profile: bool = False,
) -> Raster:
    """Decode the file that `header` was read from; of several frames or pages, the first.

    Every bit depth comes out as 8 bits, every colour model as RGB, all colours as sRGB. `factor` is
    a `reduction`; `size` is what the arrays are then resized to. With `keep_profile`, the colours
    as stored come out too if they are RGB and have an ICC profile.

    Raises UndecodableImage where the file is corrupt, or has another size than its header says, and
    MemoryError where memory is short.
    """
    convert = conversion(header.space, header.model)
    kept = profile_to_keep(header.space, header.model) if keep_profile else None
    whole = partial(_decoded, header=header, factor=factor, convert=convert, kept=kept)
    decoded = _whole_or_rest(data, header, factor, whole)
    # As 16 bits and CMYK are: they were converted at once.
    if decoded.in_srgb:
        convert = None
    raster = _upright(decoded, header)
    # Rounded up, as libjpeg does where it reduces.
    expected = Size(-(-header.upright.width // factor), -(-header.upright.height // factor))
    if raster.size != expected:
        width, height = raster.size
        raise UndecodableImage(
            f"the image has {width} x {height} pixels, but its header says "
            f"{expected.width} x {expected.height}"
        )
    # Before the colours are converted, so that only the pixels that stay cost time.
    raster = raster.resized(size or raster.size)
    if kept is not None:
        # The same array twice: `_converted` copies it before it works in place.
        raster = replace(raster, kept=raster.image, profile=kept)
    return raster if convert is None else _converted(raster, convert)


def decode_frames(animation: Animation, header: Header) -> Iterator[tuple[Raster, float]]:
    """Decode an animation, one frame after the other, each with all that is shown at its time.

    Yields each frame, as large as the animation, and for how many milliseconds it is shown. Colours
    come out as sRGB. Raises UndecodableImage where a frame is corrupt, and MemoryError where memory
    is short.
    """
    convert = conversion(header.space, header.model)
    for shown in animation.frames():
        raster = _upright(shown.decoded, header)
        yield raster if convert is None else _converted(raster, convert), shown.milliseconds


def _whole_or_rest(
    data: bytes, header: Header, factor: int, whole: Callable[[bytes], Decoded]
) -> Decoded:
    reason = UndecodableImage("the file ends before the image does")
    # Else it might come out without a word: OpenCV misses truncated TIFFs of separate planes.
    if not header.truncated:
        try:
            return whole(data)
        except UndecodableImage as error:
            # Decoders call short memory a corrupt image: this raises MemoryError then.
            check_memory(header.pixels)
            reason = error
    return decode_rest(data, header, factor, whole, reason)


def _decoded(
    data: bytes, header: Header, factor: int, convert: Conversion | None, kept: bytes | None
) -> Decoded:
    """Decode to pixels as stored, except 16 bits with a profile, which are converted to sRGB.

    Converted from 16 bits they lose nothing; rounded to 8 bits first, they would.
    """
    if header.format == "heic":
        return heif.decode(data, header)
    if header.format in ("avif", "gif") or (header.format == "bmp" and needs_pillow(data)):
        return pillow.decode(data, header)
    if convert is None:
        return opencv.decode(data, header, factor, deep=False)
    if header.model == "cmyk":
        return pillow.decode_cmyk(data, header, factor, convert)
    # Converted from 16 bits, the stored colours, which are to be kept, would be gone.
    deep = kept is None and header.format in ("png", "tiff")
    decoded = opencv.decode(data, header, factor, deep)
    if decoded.image.dtype == np.uint8:
        return decoded
    return replace(decoded, image=convert(decoded.image), in_srgb=True)


def _upright(decoded: Decoded, header: Header) -> Raster:
    image = to_8_bits(decoded.image)
    alpha = decoded.alpha
    if alpha is not None:
        image, alpha = hide_transparent(image, alpha)
    orientation = 1 if header.turned_by_decoder else header.orientation
    if alpha is not None:
        alpha = turned(alpha, orientation)
    return Raster(turned(image, orientation), alpha, header.upright, rows=decoded.rows)


def _converted(raster: Raster, convert: Conversion) -> Raster:
    """Bring the colours to sRGB; in place, unless they are kept too."""
    image = convert(raster.image.copy() if raster.kept is not None else raster.image)
    if raster.alpha is not None:
        image[raster.alpha == 0] = 255
    return replace(raster, image=image)


def hide_transparent(image: Pixels, alpha: Pixels) -> tuple[Pixels, Pixels | None]:
    """Make an image white where its alpha is 0, as it is in training. In place.

    `image` is (h, w, 3) uint8 RGB and `alpha` (h, w) uint8. Returns both, the alpha as None where
    it is 255 throughout.
    """
    if alpha.min() == 255:
        return image, None
    for rows in bands(image):
        hidden = cv2.inRange(alpha[rows], 0, 0)
        # OR with 255 makes white, with 0 it changes nothing.
        cv2.bitwise_or(image[rows], cv2.merge([hidden, hidden, hidden]), dst=image[rows])
    return image, alpha
