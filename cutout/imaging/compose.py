"""From an image and its alpha to a cut-out, and from a cut-out to one on a background."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.bands import bands
from cutout.imaging.box import Size
from cutout.imaging.matting.foreground import EdgeColors, shares
from cutout.imaging.preprocess import Image, Matte, resize
from cutout.imaging.straight_alpha import alpha_of, edge_blocks, resize_cutout
from cutout.system.idle import idle_cores

Cutout = NDArray[np.uint8]
"""(H, W, 4) uint8 RGBA with straight alpha; RGB is 0 where alpha is 0."""

Draw = Callable[[slice, NDArray[np.uint8]], NDArray[np.uint8]]
"""Draws the rows of a slice: given the slice and an array of as many rows to write them into, it
returns that array, or the rows in an array that holds them already."""


def multiply_alphas(alpha: Matte, own: Matte | None) -> Matte:
    """Multiply the alpha (H, W) of the foreground by an image's own alpha (H, W), if any.

    Both are uint8, as is the result.
    """
    if own is None:
        return alpha
    # cv2 rounds and has room for the product; in numpy it would wrap around at 256.
    return np.asarray(cv2.multiply(alpha, own, scale=1 / 255), np.uint8)


class LazyCutout:
    """An image and its alpha, cut out only when the pixels are requested.

    `image` is (H, W, 3) uint8 RGB and `alpha` (H, W) uint8. Where alpha is 0 nothing of the image
    is kept. Where it lies between 0 and 255 the colours are the subject's own
    (`cutout.imaging.matting.foreground`), so that no fringe of the old background shows on a new
    one. `colors` are the image's `cell_colors`, where they were made already.
    """

    def __init__(self, image: Image, alpha: Matte, colors: Image | None = None) -> None:
        self.image = image
        self.alpha = alpha
        self._colors = colors

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of the cut-out as an array, (H, W, 4)."""
        return (*self.alpha.shape, 4)

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return Size(self.alpha.shape[1], self.alpha.shape[0])

    def whole(self) -> Cutout:
        """Cut out all of it: (H, W, 4) uint8 RGBA."""
        pixels = np.empty(self.shape, np.uint8)
        draw, parts = self.drawing()
        idle_cores.each(lambda rows: draw(rows, pixels[rows]), parts)
        return pixels

    def drawing(self) -> tuple[Draw, list[slice]]:
        """Prepare to cut out some rows at a time, in any order, from any thread.

        Returns a `Draw`, which writes rows into an array (rows, W, 4) or (rows, 4 W) uint8, and the
        slices of rows that it takes, from the top. A cut-out that is drawn in parts is never whole
        and never leaves a core's cache: at 12 megapixels that saves 48 MB, and the time to fill and
        empty them.
        """
        edges = EdgeColors(self.image, self.alpha, self._colors)
        bands = {edges.grid.pixel_rows(band).start: band for band in edges.grid.bands()}

        def draw(rows: slice, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
            # A view of either shape: what is drawn into it lands in `pixels`.
            part = pixels.reshape(len(pixels), -1, 4)
            _cut(self.image[rows], self.alpha[rows], part)
            edges.replace(part, bands[rows.start])
            return pixels

        return draw, [edges.grid.pixel_rows(band) for band in bands.values()]


def _cut(image: Image, alpha: Matte, pixels: Cutout) -> None:
    """Keep the image's own colours where the alpha is not 0, nothing elsewhere."""
    columns = _occupied(alpha)
    # Set, not left: the array may still hold the part that was drawn before.
    pixels[:, : columns.start] = pixels[:, columns.stop :] = 0
    if columns.stop > columns.start:
        for rows in bands(pixels):
            matte = alpha[rows, columns]
            here = pixels[rows, columns]
            # copyTo leaves 0 where the mask is 0. OpenCV writes into the view `here` only because
            # shape and dtype fit; else it would allocate, and `pixels` stay as it was.
            cv2.cvtColor(cv2.copyTo(image[rows, columns], matte), cv2.COLOR_RGB2RGBA, dst=here)
            cv2.insertChannel(matte, here, 3)


def on_color(pixels: Cutout, color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put a cut-out (H, W, 4) uint8 RGBA on a colour (4,) uint8 RGBA.

    Returns (H, W, 3) uint8 RGB, or (H, W, 4) RGBA with straight alpha if the colour is not opaque.
    """
    if color[3] < 255:
        return _on_translucent(pixels, color)
    composite = np.empty((*pixels.shape[:2], 3), np.uint8)
    # Broadcast from a whole row: from a single pixel, numpy copies three bytes at a time.
    composite[:] = np.tile(color[:3], (pixels.shape[1], 1))
    return _over(pixels, composite)


def on_image(pixels: Cutout, background: Image) -> Image:
    """Put a cut-out on an image, scaled to cover it and centred.

    `pixels` is (H, W, 4) uint8 RGBA and `background` (h, w, 3) uint8 RGB. Returns (H, W, 3) uint8
    RGB.
    """
    covered = covering(background, pixels.shape[1], pixels.shape[0])
    # _over works in place, and where nothing is to be scaled `covered` is the caller's array.
    return _over(pixels, covered.copy() if np.shares_memory(covered, background) else covered)


def covering(background: Image, width: int, height: int) -> Image:
    """Scale an image to cover width x height pixels, proportions kept, and crop it to the middle.

    `background` is (h, w, 3) uint8 RGB. Returns (height, width, 3) uint8 RGB.
    """
    rows, columns = background.shape[:2]
    ratio = max(width / columns, height / rows)
    kept_columns = min(columns, max(1, round(width / ratio)))
    kept_rows = min(rows, max(1, round(height / ratio)))
    left, top = (columns - kept_columns) // 2, (rows - kept_rows) // 2
    # Cropped before it is scaled: all of a narrow background would take gigabytes.
    middle = background[top : top + kept_rows, left : left + kept_columns]
    return resize(middle, width, height)


def limit_size(pixels: NDArray[np.uint8], longest: int | None) -> NDArray[np.uint8]:
    """Shrink a cut-out, image or alpha to a longer side of at most `longest` pixels.

    `pixels` is (H, W, 4) RGBA, (H, W, 3) RGB or (H, W), uint8, and so is the result. None is no
    limit.
    """
    size = Size(pixels.shape[1], pixels.shape[0]).limited(longest)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return resize_cutout(pixels, *size)
    return resize(pixels, *size)


def _over(pixels: Cutout, background: Image) -> Image:
    """Put the cut-out over an opaque background (H, W, 3), in place; solid pixels are copied."""
    alpha = alpha_of(pixels)
    for rows in bands(pixels):
        solid = cv2.inRange(alpha[rows], 255, 255)
        if cv2.hasNonZero(solid):
            rest = cv2.bitwise_not(solid)
            behind = cv2.split(background[rows])
            # Not strict: the fourth plane, alpha, is left out.
            planes = zip(cv2.split(pixels[rows]), behind, strict=False)
            mixed = [
                cv2.bitwise_or(cv2.bitwise_and(own, solid), cv2.bitwise_and(old, rest))
                for own, old in planes
            ]
            background[rows] = cv2.merge(mixed)
    for here in edge_blocks(alpha):
        behind_here = background[here]
        # In floats: differences below 0 would end at 0 in uint8.
        change = cv2.subtract(
            cv2.cvtColor(pixels[here], cv2.COLOR_RGBA2RGB), behind_here, dtype=cv2.CV_32F
        )
        cv2.add(
            cv2.multiply(change, shares(alpha[here])), behind_here, dst=behind_here, dtype=cv2.CV_8U
        )
    return background


def _on_translucent(pixels: Cutout, color: NDArray[np.uint8]) -> Cutout:
    """Put a cut-out on a translucent colour (Porter, Duff 1984), straight alpha in and out."""
    composite = np.empty_like(pixels)
    for rows in bands(pixels):
        here = np.asarray(pixels[rows], np.float32)
        own = here[:, :, 3:]
        rest = (255 - own) * np.float32(color[3] / 255)
        alpha = own + rest
        # Alpha is 0 or about 1 and more, so that the maximum only avoids 0 / 0.
        colors = (here[:, :, :3] * own + np.asarray(color[:3], np.float32) * rest) / np.maximum(
            alpha, np.float32(1)
        )
        here[:, :, :3], here[:, :, 3:] = colors, alpha
        composite[rows] = np.rint(here, out=here)
    return composite


def _occupied(alpha: Matte) -> slice:
    """Return the columns from the first to the last that hold anything; none where nothing does."""
    columns = np.flatnonzero(alpha.max(axis=0))
    return slice(int(columns[0]), int(columns[-1]) + 1) if len(columns) else slice(0, 0)
