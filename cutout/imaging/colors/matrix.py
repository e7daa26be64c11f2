"""Conversion to sRGB of a profile of three curves and a matrix: as LittleCMS does, by OpenCV."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.bands import bands

Pixels = NDArray[np.uint8]
Samples = NDArray[np.uint8] | NDArray[np.uint16]
Values = NDArray[np.float64]
Curve = Callable[[Values], Values]
"""From stored values to linear light, both float64 in [0, 1]."""

TOP = 65535
D50 = (0.9642, 1.0, 0.8249)
"""The white of ICC profiles in CIE XYZ."""
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
"""Adaptation from one white to another (ICC.1:2022, annex E)."""
SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
"""White, red, green and blue of sRGB as x and y (IEC 61966-2-1)."""


@dataclass(frozen=True, eq=False)
class MatrixProfile:
    """A profile of three curves and a matrix.

    `curves` are those of red, green and blue, from stored values to linear light; `to_xyz`, (3, 3)
    float64, takes linear light to CIE XYZ under D50.
    """

    curves: tuple[Curve, Curve, Curve]
    to_xyz: Values

    def convert(self, image: Samples) -> Pixels:
        """Convert RGB (h, w, 3) uint8 or uint16 to sRGB (h, w, 3) uint8; uint8 in place."""
        converted = image if image.dtype == np.uint8 else np.empty(image.shape, np.uint8)
        table = self._from_8 if image.dtype == np.uint8 else self._from_16
        for rows in bands(np.asarray(converted, np.uint8)):
            # uint16 goes in and comes out, so what lies beyond sRGB is clipped here.
            light = cv2.transform(cv2.LUT(image[rows], table), self._to_srgb)
            converted[rows] = cv2.LUT(light, _to_8())
        return np.asarray(converted, np.uint8)

    @cached_property
    def _to_srgb(self) -> Values:
        return np.asarray(np.linalg.inv(xyz_of(SRGB)) @ self.to_xyz, np.float64)

    @cached_property
    def _from_8(self) -> NDArray[np.uint16]:
        return self._table(256)

    @cached_property
    def _from_16(self) -> NDArray[np.uint16]:
        return self._table(TOP + 1)

    def _table(self, length: int) -> NDArray[np.uint16]:
        """Tabulate the curves: (1, length, 3) linear light, 16 bits.

        Three equal curves give (1, length), with which OpenCV is faster.
        """
        values = np.linspace(0, 1, length)
        light = np.stack([np.clip(curve(values), 0, 1) for curve in self.curves], axis=-1)
        table = np.rint(TOP * light).astype(np.uint16)[np.newaxis]
        if (table == table[:, :, :1]).all():
            return np.ascontiguousarray(table[:, :, 0])
        return table


def srgb_curve(values: Values) -> Values:
    """Convert values of sRGB to linear light (IEC 61966-2-1).

    Both are (...), of any shape, float64 in [0, 1].
    """
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def xyz_of(chromaticities: tuple[float, ...]) -> Values:
    """Return the matrix (3, 3) float64 from linear light to CIE XYZ under D50.

    `chromaticities` are x and y of white, red, green and blue. Raises ValueError where they span no
    colours.
    """
    white, *primaries = (
        np.array([x / y, 1, (1 - x - y) / y]) if y else np.full(3, np.nan)
        for x, y in zip(chromaticities[::2], chromaticities[1::2], strict=True)
    )
    columns = np.stack(primaries, axis=-1)
    # The white is checked, too: a NaN in it would make every colour black.
    if not np.isfinite([*columns, white]).all() or abs(np.linalg.det(columns)) < 1e-6:
        raise ValueError("its white or its primaries make no colours")
    # Primaries scaled so that all three together give the white.
    native = columns * np.linalg.solve(columns, white)
    # Adaptation scales the responses of the cones, not XYZ.
    cones = (BRADFORD @ np.array(D50)) / (BRADFORD @ white)
    return np.asarray(np.linalg.inv(BRADFORD) @ np.diag(cones) @ BRADFORD @ native, np.float64)


_TO_8: list[Pixels] = []


def _to_8() -> Pixels:
    """Return the table from linear light of 16 bits to sRGB, (1, 65536) uint8; made once."""
    if not _TO_8:
        light = np.linspace(0, 1, TOP + 1)
        values = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
        # Two threads may both append theirs: the first stays.
        _TO_8.append(np.rint(255 * values).astype(np.uint8)[np.newaxis])
    return _TO_8[0]
