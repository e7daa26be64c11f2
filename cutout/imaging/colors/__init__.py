"""From the colours that a file says it has to sRGB, which is what the networks were trained on.

An ICC profile is applied by LittleCMS (Pillow's `ImageCms`): relative colorimetric, with black
point compensation. Three curves and a matrix, which is what cameras, phones and screens have, are
done by OpenCV instead, five times as fast, where that has been held against LittleCMS first.
"""

import hashlib
import io
import logging
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from cutout.imaging.bands import bands
from cutout.imaging.colors.icc import Unreadable, color_model, matrix_profile
from cutout.imaging.colors.matrix import Pixels, Samples
from cutout.imaging.colors.spaces import Calibration, Cicp, ColorSpace, described

__all__ = [
    "Calibration",
    "Cicp",
    "ColorSpace",
    "Conversion",
    "conversion",
    "profile_to_keep",
    "to_8_bits",
]

SAME = 1
"""Levels of 255 by which our own arithmetic may differ from LittleCMS, which rounds itself."""
UNSEEN = 2
"""Levels by which a profile may differ from sRGB and still be taken for it: sRGB has many files."""
KNOWN = 16
"""Conversions kept; cameras and phones have few profiles."""

log = logging.getLogger("cutout")

Conversion = Callable[[Samples], Pixels]
"""Makes sRGB (h, w, 3) uint8 of RGB (h, w, 3) uint8 or uint16. May work in place."""

_known: dict[tuple[object, str], "Conversion | None"] = {}


def conversion(space: ColorSpace | None, model: str) -> Conversion | None:
    """Find the way from a file's colours to sRGB; None where there is nothing to be done.

    `model` is how its pixels are stored: "gray", "rgb" or "cmyk"; the conversion takes greys as RGB
    with three equal channels, that of CMYK takes (h, w, 4) uint8. A profile that cannot be used is
    ignored, with a line in the log.
    """
    if space is None:
        return None
    key = (hashlib.sha256(space).digest() if isinstance(space, bytes) else space, model)
    if key not in _known:
        try:
            found = _made(space, model)
        except (Unreadable, ImageCms.PyCMSError, OSError, ValueError) as error:
            found = None
            log.warning("colour profile ignored", extra={"reason": str(error)})
        while len(_known) >= KNOWN:
            _known.pop(next(iter(_known)), None)
        _known[key] = found
    return _known[key]


def profile_to_keep(space: ColorSpace | None, model: str) -> bytes | None:
    """Return the ICC profile of an image of RGB, if LittleCMS can read it.

    An answer is RGB, and can have no other kind.
    """
    if model != "rgb" or not isinstance(space, bytes):
        return None
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(space))
        return space if color_model(space) == "rgb" else None
    except (Unreadable, ImageCms.PyCMSError, OSError):
        return None


def to_8_bits(image: Samples) -> Pixels:
    """Round samples of 16 bits to 8; 8 bits are returned as they are."""
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    return np.asarray((image.astype(np.uint32) * 255 + 32767) // 65535, np.uint8)


def _made(space: ColorSpace, model: str) -> Conversion | None:
    if not isinstance(space, bytes):
        return _unless_srgb(described(space).convert)
    stored = color_model(space)
    if model == "cmyk" or stored == "cmyk":
        if model != stored:
            raise Unreadable(f"a profile for {stored} in an image of {model}")
        return _Lcms(space, "CMYK")
    if stored == "gray":
        if model != "gray":
            raise Unreadable(f"a profile for {stored} in an image of {model}")
        return _unless_srgb(_gray(_Lcms(space, "L")))
    exact = _Lcms(space, "RGB")
    fast = matrix_profile(space)
    if fast is not None and _difference(fast.convert, exact) <= SAME:
        return _unless_srgb(fast.convert)
    return _unless_srgb(exact)


class _Lcms:
    """A transform by LittleCMS of 8 bits, of Pillow's mode `mode` to RGB."""

    def __init__(self, profile: bytes, mode: str) -> None:
        self.mode = mode
        self.transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )

    def __call__(self, image: Samples) -> Pixels:
        stored = to_8_bits(image)
        converted = np.empty((*stored.shape[:2], 3), np.uint8)
        for rows in bands(stored):
            band = Pillow.fromarray(stored[rows], self.mode)
            converted[rows] = np.asarray(ImageCms.applyTransform(band, self.transform))
        return converted


def _gray(of_greys: _Lcms) -> Conversion:
    ramp = of_greys(np.arange(256, dtype=np.uint8)[np.newaxis])[0]
    curve = np.linspace(0, 1, 256), np.asarray(ramp[:, 1], np.float64) / 255
    return lambda image: _by_curve(image, *curve)


def _by_curve(image: Samples, given: NDArray[np.float64], shown: NDArray[np.float64]) -> Pixels:
    """Three equal channels through one curve; 16 bits fall between its 256 points."""
    most = np.iinfo(image.dtype).max
    table = np.rint(255 * np.interp(np.linspace(0, 1, most + 1), given, shown)).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[np.newaxis]), np.uint8)


def _unless_srgb(convert: Conversion) -> Conversion | None:
    return None if _difference(convert, to_8_bits) <= UNSEEN else convert


def _difference(first: Conversion, second: Conversion) -> int:
    """Find the greatest difference between two conversions, in levels, over a grid of colours."""
    steps = np.r_[0:40:3, 40:256:15].astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis], 3, axis=2)
    return max(
        int(np.abs(first(colors.copy()).astype(int) - second(colors.copy()).astype(int)).max())
        for colors in (grid, greys)
    )
