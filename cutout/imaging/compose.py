"""Picture and alpha to cut-out; cut-outs on a colour or a picture; sizes."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.alpha import Matte
from cutout.imaging.bands import bands
from cutout.imaging.matting.cells import Grid
from cutout.imaging.matting.foreground import CELLS, EdgeColors, is_partial, shares
from cutout.imaging.preprocess import Image, resize

Cutout = NDArray[np.uint8]
"""(H, W, 4) uint8 RGBA with straight alpha; RGB is 0 where alpha is 0."""


def times(alpha: Matte, own: Matte | None) -> Matte:
    """The alpha (H, W) of a picture's foreground, times the picture's own transparency (H, W) where it has some."""
    return alpha if own is None else np.asarray(cv2.multiply(alpha, own, scale=1 / 255), np.uint8)


def cutout(image: Image, alpha: Matte) -> Cutout:
    """Cut `image` (H, W, 3) uint8 RGB out by `alpha` (H, W) uint8.

    Where alpha is 0 nothing of the picture stays in the file. Where it lies between 0 and 255 the colours are the
    subject's own (`cutout.imaging.matting.foreground`), so that no fringe of the old background shows on a new one.
    """
    pixels = np.empty((*image.shape[:2], 4), np.uint8)
    for _ in cutout_bands(image, alpha, pixels):
        pass
    return pixels


def cutout_bands(image: Image, alpha: Matte, pixels: Cutout | None = None) -> Iterator[Cutout]:
    """The same from the top, some rows at a time, so that it is never whole and never leaves a core's cache.

    In `pixels` (H, W, 4) where these are given, else each band in the memory of the one before.
    """
    edges = EdgeColors(image, alpha)
    buffer = np.empty((0, image.shape[1], 4), np.uint8)
    for cells in edges.grid.bands():
        rows = edges.grid.pixel_rows(cells)
        count = rows.stop - rows.start
        if pixels is None and len(buffer) < count:
            buffer = np.empty((count, image.shape[1], 4), np.uint8)
        band = buffer[:count] if pixels is None else pixels[rows]
        _cut(image[rows], alpha[rows], band)
        edges.replace(band, cells)
        yield band


def _cut(image: Image, alpha: Matte, pixels: Cutout) -> None:
    """The picture's own colours where the alpha is not 0, nothing elsewhere."""
    columns = _occupied(alpha)
    pixels[:, : columns.start] = pixels[:, columns.stop :] = 0
    if columns.stop > columns.start:
        for rows in bands(pixels):
            matte, here = alpha[rows, columns], pixels[rows, columns]
            cv2.cvtColor(cv2.copyTo(image[rows, columns], matte), cv2.COLOR_RGB2RGBA, dst=here)
            cv2.insertChannel(matte, here, 3)


def on_color(pixels: Cutout, color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A cut-out on a colour (4,) uint8 RGBA: (H, W, 3), or (H, W, 4) where the colour isn't opaque."""
    if color[3] < 255:
        return _on_translucent(pixels, color)
    composite = np.empty((*pixels.shape[:2], 3), np.uint8)
    composite[:] = np.tile(color[:3], (pixels.shape[1], 1))  # a row at a time, not three bytes at a time
    return _over(pixels, composite)


def on_picture(pixels: Cutout, background: Image) -> Image:
    """A cut-out on a picture (h, w, 3), which is scaled to cover it and cut to the middle: (H, W, 3)."""
    height, width = pixels.shape[:2]
    rows, columns = background.shape[:2]
    ratio = max(width / columns, height / rows)
    kept_columns = min(columns, max(1, round(width / ratio)))
    kept_rows = min(rows, max(1, round(height / ratio)))
    left, top = (columns - kept_columns) // 2, (rows - kept_rows) // 2
    middle = background[top : top + kept_rows, left : left + kept_columns]
    covering = resize(middle, width, height)
    return _over(pixels, covering.copy() if np.shares_memory(covering, background) else covering)


def hard(pixels: Cutout) -> Cutout:
    """A cut-out (H, W, 4) whose every pixel is empty or solid, by whether its alpha reaches a half."""
    solid = cv2.inRange(_alpha(pixels), 128, 255)
    return np.asarray(cv2.merge([*cv2.split(cv2.copyTo(pixels, solid))[:3], solid]), np.uint8)


def limited_size(width: int, height: int, longest: int | None) -> tuple[int, int]:
    """(width, height) with a longer side of at most `longest` pixels, the proportions kept; never larger than given."""
    if longest is None or max(height, width) <= longest:
        return width, height
    ratio = longest / max(height, width)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def limit_size(pixels: NDArray[np.uint8], longest: int | None) -> NDArray[np.uint8]:
    """Shrink a cut-out, picture or alpha so that its longer side is at most `longest` pixels; never enlarges."""
    size = limited_size(pixels.shape[1], pixels.shape[0], longest)
    return resize_cutout(pixels, *size) if pixels.ndim == 3 and pixels.shape[2] == 4 else resize(pixels, *size)


def resize_cutout(pixels: Cutout, width: int, height: int) -> Cutout:
    """Resize straight alpha (H, W, 4) so that a pixel's colour counts as much as its alpha: no dark fringe.

    Weighted in 8 bits: laid on any background the result is within 2 of 255 of the exact one.
    """
    if pixels.shape[:2] == (height, width):
        return pixels
    weighted = pixels.copy()  # where alpha is 0 or 255 the colours are weighted already
    alpha = _alpha(pixels)
    for here in _edges(alpha):
        colors = np.asarray(cv2.cvtColor(pixels[here], cv2.COLOR_RGBA2RGB), np.uint8)
        product = cv2.multiply(colors, shares(alpha[here]), dtype=cv2.CV_8U)
        weighted[here] = cv2.merge([*cv2.split(product), alpha[here]])
    resized = resize(weighted, width, height)
    *planes, matte = cv2.split(resized)
    return np.asarray(cv2.merge([*(cv2.divide(plane, matte, scale=255) for plane in planes), matte]), np.uint8)


def _over(pixels: Cutout, background: Image) -> Image:
    """The cut-out over an opaque background (H, W, 3), in place: solid pixels are copied, only the others mixed."""
    alpha = _alpha(pixels)
    for rows in bands(pixels):
        solid = cv2.inRange(alpha[rows], 255, 255)
        if cv2.hasNonZero(solid):
            rest, behind = cv2.bitwise_not(solid), cv2.split(background[rows])
            planes = zip(cv2.split(pixels[rows]), behind, strict=False)
            mixed = [cv2.bitwise_or(cv2.bitwise_and(own, solid), cv2.bitwise_and(old, rest)) for own, old in planes]
            background[rows] = cv2.merge(mixed)
    for here in _edges(alpha):
        behind_here = background[here]
        change = cv2.subtract(cv2.cvtColor(pixels[here], cv2.COLOR_RGBA2RGB), behind_here, dtype=cv2.CV_32F)
        cv2.add(cv2.multiply(change, shares(alpha[here])), behind_here, dst=behind_here, dtype=cv2.CV_8U)
    return background


def _alpha(pixels: Cutout) -> Matte:
    return np.asarray(cv2.extractChannel(pixels, 3), np.uint8)


def _edges(alpha: Matte) -> Iterator[tuple[slice, slice]]:
    """Blocks that together hold every pixel that is neither empty nor solid."""
    grid = Grid.like(alpha.shape[1], alpha.shape[0], CELLS)
    return ((window.rows, window.columns) for window in grid.windows(grid.any(is_partial(alpha))))


def _on_translucent(pixels: Cutout, color: NDArray[np.uint8]) -> Cutout:
    """Over a colour that is itself see-through (Porter, Duff 1984), straight alpha in and out."""
    composite = np.empty_like(pixels)
    for rows in bands(pixels):
        here = np.asarray(pixels[rows], np.float32)
        own = here[:, :, 3:]
        rest = (255 - own) * np.float32(color[3] / 255)
        alpha = own + rest
        colors = (here[:, :, :3] * own + np.asarray(color[:3], np.float32) * rest) / np.maximum(alpha, np.float32(1))
        here[:, :, :3], here[:, :, 3:] = colors, alpha
        composite[rows] = np.rint(here, out=here)
    return composite


def _occupied(alpha: Matte) -> slice:
    """The columns from the first to the last that hold anything; none where nothing does."""
    columns = np.flatnonzero(alpha.max(axis=0))
    return slice(int(columns[0]), int(columns[-1]) + 1) if len(columns) else slice(0, 0)
