"""Colour spaces that a file describes by numbers, not by a profile: cICP, nclx, gAMA and cHRM."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from cutout.imaging.colors.matrix import SRGB, MatrixProfile, Values, srgb_curve, xyz_of

D65 = SRGB[:2]
PRIMARIES = {  # ITU-T H.273, table 2: white, red, green, blue
    1: SRGB,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
HDR = {16: "PQ", 18: "HLG"}  # ITU-T H.273, table 3
SRGB_GAMMA = 1 / 2.2
"""The gAMA of PNGs in sRGB, whose curve is used instead of this power (W3C PNG, 11.3.2.5)."""


@dataclass(frozen=True)
class Cicp:
    """Code points of ITU-T H.273, as PNG's cICP and the nclx of AVIF and HEIF have them."""

    primaries: int
    transfer: int


@dataclass(frozen=True)
class Calibration:
    """The colours of a PNG by its chunks gAMA and cHRM.

    `gamma` is the exponent of encoding; `chromaticities` are x and y of white, red, green and blue.
    """

    gamma: float | None
    chromaticities: tuple[float, ...] | None


ColorSpace = bytes | Cicp | Calibration
"""An ICC profile, or what a file says in its stead."""


def described(space: Cicp | Calibration) -> MatrixProfile:
    """Make a profile of a description by numbers.

    Raises ValueError where it is an HDR one, or does not describe any colours.
    """
    if isinstance(space, Calibration):
        given = space.chromaticities or SRGB
        curve = _of_gamma(space.gamma)
    else:
        given = PRIMARIES.get(space.primaries, SRGB)
        curve = _of_transfer(space.transfer)
    return MatrixProfile((curve, curve, curve), xyz_of(given))


def _of_gamma(gamma: float | None) -> Callable[[Values], Values]:
    if gamma is None or abs(gamma - SRGB_GAMMA) < 0.01:
        return srgb_curve
    if not 0.05 <= gamma <= 20:
        raise ValueError(f"a gamma of {gamma}")
    return partial(_power, exponent=1 / gamma)


def _of_transfer(transfer: int) -> Callable[[Values], Values]:
    """Return the curve of a code point; sRGB's for those of television and unknown ones."""
    if transfer in (4, 5, 8):
        # ITU-T H.273, table 3: powers of 2.2 and 2.8, and linear.
        return partial(_power, exponent={4: 2.2, 5: 2.8, 8: 1.0}[transfer])
    if transfer in HDR:
        raise ValueError(f"HDR ({HDR[transfer]}) is shown as stored")
    return srgb_curve


def _power(values: Values, exponent: float) -> Values:
    return np.asarray(values**exponent, np.float64)
