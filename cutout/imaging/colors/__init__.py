"""From the colour space that a file declares to sRGB, on which the networks were trained.

An ICC profile is applied by LittleCMS (Pillow's `ImageCms`): relative colorimetric, with black
point compensation. Profiles of three curves and a matrix, which cameras, phones and screens have,
are applied by OpenCV instead, five times as fast, after a check that the result is LittleCMS's.
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
from cutout.imaging.colors.icc import Unreadable, color_model, matrix_profile, without_steps
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
"""Levels of 255 by which a profile may differ from sRGB and still be taken for it; there are many
slightly different profiles of sRGB."""
KNOWN = 16
"""Conversions that are cached; cameras and phones have few profiles."""

log = logging.getLogger("cutout")

Conversion = Callable[[Samples], Pixels]
"""Converts RGB (h, w, 3) uint8 or uint16 to sRGB (h, w, 3) uint8. May work in place."""

_known: dict[tuple[object, str], "Conversion | None"] = {}


def conversion(space: ColorSpace | None, model: str) -> Conversion | None:
    """Return the conversion from the colours of a file to sRGB; None where there is nothing to do.

    `model` is how its pixels are stored: "gray", "rgb" or "cmyk". The conversion takes greys as RGB
    (h, w, 3) with three equal channels, uint8 or uint16, and CMYK as (h, w, 4) uint8. A profile
    that cannot be used is ignored, with a line in the log.
    """
    if space is None:
        return None
    # A digest, as a profile itself may have megabytes.
    key = (hashlib.sha256(space).digest() if isinstance(space, bytes) else space, model)
    if key not in _known:
        try:
            found = _made(space, model)
        except (Unreadable, ImageCms.PyCMSError, OSError, ValueError) as error:
            found = None
            log.warning("colour profile ignored", extra={"reason": str(error)})
        # The oldest goes; None, as another thread may have removed it already.
        while len(_known) >= KNOWN:
            _known.pop(next(iter(_known)), None)
        # None is remembered too: a profile that cannot be used is logged once.
        _known[key] = found
    return _known[key]


def profile_to_keep(space: ColorSpace | None, model: str) -> bytes | None:
    """Return the ICC profile of an RGB image if LittleCMS can read it, else None.

    An answer is RGB, so that no other kind of profile could describe it.
    """
    if model != "rgb" or not isinstance(space, bytes):
        return None
    try:
        ImageCms.ImageCmsProfile(io.BytesIO(space))
        return space if color_model(space) == "rgb" else None
    except (Unreadable, ImageCms.PyCMSError, OSError):
        return None


def to_8_bits(image: Samples) -> Pixels:
    """Round samples (h, w, C) uint16 to uint8; uint8 are returned as they are."""
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    # To the nearest, in whole numbers; 65535 * 255 needs 32 bits.
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
    """A transform by LittleCMS to RGB, from 8 bits of Pillow's mode `mode`."""

    def __init__(self, profile: bytes, mode: str) -> None:
        self.mode = mode
        self.transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(without_steps(profile))),
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
    """Apply one curve to three equal channels; 16 bits are interpolated between its 256 points."""
    most = np.iinfo(image.dtype).max
    table = np.rint(255 * np.interp(np.linspace(0, 1, most + 1), given, shown)).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table[np.newaxis]), np.uint8)


def _unless_srgb(convert: Conversion) -> Conversion | None:
    return None if _difference(convert, to_8_bits) <= UNSEEN else convert


def _difference(first: Conversion, second: Conversion) -> int:
    """Find the greatest difference between two conversions, in levels, over a grid of colours."""
    # Closer in the dark, where sRGB's curve is steepest.
    steps = np.r_[0:40:3, 40:256:15].astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(len(steps), -1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis], 3, axis=2)
    return max(
        # Copies, as a conversion may work in place; int, as a difference of uint8 wraps around.
        int(np.abs(first(colors.copy()).astype(int) - second(colors.copy()).astype(int)).max())
        for colors in (grid, greys)
    )
