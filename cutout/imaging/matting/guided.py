"""The guided filter on a grid of cells: alpha as a local linear function of colour.

He, Sun, Tang, "Guided Image Filtering" (TPAMI 2013); He, Sun, "Fast Guided Filter" (arXiv
1505.00996): around each cell alpha = a . colour + b fits best; a and b are computed at low
resolution and applied at full resolution. Three things are added. The fit is made twice, as the
first result is already sharper than the network's. Where colours explain the alpha badly, the
residual is added to b, so that the result falls back on the network's alpha instead of on its local
mean. And the result is steepened, as a fit to a blurred alpha is always too flat, but only where
the alpha varies at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.matting.cells import Maps
from cutout.imaging.preprocess import Alpha, Image

Plane = NDArray[np.float32]
"""One number per cell, (rows, columns) float32; faster to filter than interleaved channels."""

RADIUS = 4  # cells; the network's edge is blurred and displaced by about two
EPSILON = np.float32(1e-4)  # variance of colour, in [0, 1], below which it explains nothing
STEEPER = np.float32(0.3)  # share by which the result is steepened where alpha varies
EDGE_VARIANCE = np.float32(0.01)  # of alpha in a window, from which on it counts as an edge
PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))  # of a symmetric 3 x 3 matrix
HALF = np.float32(0.5)
UNIT = np.float32(1 / 255)


def linear_model(alpha: Alpha, guide: "Guide") -> tuple[Maps, Plane]:
    """Fit alpha = slope . RGB + offset around each cell, RGB being 0 to 255.

    `alpha` (rows, columns) float32 in [0, 1] is that of the cells of `guide`. Returns slope (rows,
    columns, 3) and offset (rows, columns), float32.
    """
    first = guide.fit(alpha, alpha)
    sharper = np.clip(guide.apply(first), 0, 1, dtype=np.float32)
    prior = np.clip((alpha - HALF) * (1 + STEEPER) + HALF, 0, 1, dtype=np.float32)
    *slope, offset = guide.fit(sharper, prior)
    return np.asarray(cv2.merge([plane * UNIT for plane in slope]), np.float32), offset


@dataclass(frozen=True)
class Guide:
    """The part of the fit that depends on the image alone.

    `colors` are the three planes of the cells, in [0, 1], and `means` those around each cell;
    `inverse` are the planes of the inverted covariance of the colours, in the order of PAIRS.
    """

    colors: list[Plane]
    means: list[Plane]
    inverse: list[Plane]

    @classmethod
    def of(cls, colors: Image) -> "Guide":
        """Make the guide of cells (rows, columns, 3) uint8 RGB."""
        planes = [np.asarray(plane * UNIT, np.float32) for plane in cv2.split(colors)]
        means = [_mean(plane) for plane in planes]
        covariance = [_mean(planes[i] * planes[j]) - means[i] * means[j] for i, j in PAIRS]
        regular = [
            plane + EPSILON if i == j else plane
            for plane, (i, j) in zip(covariance, PAIRS, strict=True)
        ]
        return cls(planes, means, _inverse(regular))

    def part(self, rows: slice, columns: slice) -> "Guide":
        """Return the guide of some rows and columns of the cells."""
        groups = (self.colors, self.means, self.inverse)
        return Guide(*([plane[rows, columns] for plane in planes] for planes in groups))

    def fit(self, alpha: Plane, prior: Plane) -> list[Plane]:
        """Fit slope (3 planes) and offset of `alpha`; fall back on `prior` where it fits badly."""
        alpha_mean = _mean(alpha)
        variance = _mean(alpha * alpha) - alpha_mean * alpha_mean
        covariance = [
            _mean(color * alpha) - mean * alpha_mean
            for color, mean in zip(self.colors, self.means, strict=True)
        ]
        rr, rg, rb, gg, gb, bb = self.inverse
        slope = [_dot(row, covariance) for row in ((rr, rg, rb), (rg, gg, gb), (rb, gb, bb))]
        # The paper averages the models of all windows around a pixel; here of 3 x 3.
        model = [_smooth(plane) for plane in (*slope, alpha_mean - _dot(slope, self.means))]

        answer = self.apply(model)
        missed = np.clip(
            _mean(np.square(answer - alpha)) / (variance + np.float32(1e-3)), 0, 1, dtype=np.float32
        )
        model[3] += np.sqrt(missed) * (prior - answer)
        steeper = 1 + STEEPER * np.clip(variance / EDGE_VARIANCE, 0, 1, dtype=np.float32)
        # Turned about an alpha of 0.5, so that the edge stays where it is.
        return [*(plane * steeper for plane in model[:3]), (model[3] - HALF) * steeper + HALF]

    def apply(self, model: list[Plane]) -> Plane:
        """Compute the alpha that a model of slope and offset gives at each cell."""
        return _dot(model[:3], self.colors) + model[3]


def _inverse(covariance: list[Plane]) -> list[Plane]:
    """Invert each cell's symmetric 3 x 3 matrix; both are given as the planes of PAIRS.

    In double precision: where all is grey, the determinant is smaller than float32's rounding.
    """
    rr, rg, rb, gg, gb, bb = (np.asarray(plane, np.float64) for plane in covariance)
    adjugate = [
        gg * bb - gb * gb,
        gb * rb - rg * bb,
        rg * gb - gg * rb,
        rr * bb - rb * rb,
        rb * rg - rr * gb,
        rr * gg - rg * rg,
    ]
    determinant = adjugate[0] * rr + adjugate[1] * rg + adjugate[2] * rb
    return [np.asarray(plane / determinant, np.float32) for plane in adjugate]


def _dot(left: Sequence[Plane], right: Sequence[Plane]) -> Plane:
    return np.asarray(left[0] * right[0] + left[1] * right[1] + left[2] * right[2], np.float32)


def _mean(plane: Plane) -> Plane:
    side = 2 * RADIUS + 1
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)


def _smooth(plane: Plane) -> Plane:
    return np.asarray(cv2.blur(plane, (3, 3), borderType=cv2.BORDER_REFLECT), np.float32)
