"""What part of a cut-out the result shows, and where: crops, and canvases of a fixed size."""

from dataclasses import dataclass

import numpy as np

from cutout.errors import ImageTooLarge, InvalidOption
from cutout.imaging.arrange import crop, paste, subject_box
from cutout.imaging.box import Box, Size
from cutout.imaging.compose import Cutout
from cutout.imaging.straight_alpha import resize_cutout
from cutout.options import Canvas, CutoutOptions


def check(options: CutoutOptions, max_pixels: int) -> None:
    """Check that a canvas is within the limit and goes together with the other options.

    Raises ImageTooLarge where it has more than `max_pixels` pixels, and InvalidOption where `size`
    or `scale` is given too.
    """
    if options.canvas is None:
        return
    for name in ("size", "scale"):
        if getattr(options, name) is not None:
            raise InvalidOption(f"canvas and {name} exclude each other; leave one of them out")
    if options.canvas.pixels > max_pixels:
        raise ImageTooLarge(
            f"the canvas of {options.canvas} has {options.canvas.pixels} pixels; the limit is "
            f"{max_pixels}: ask for a smaller canvas"
        )


def most_pixels(options: CutoutOptions, upright: Size, max_pixels: int) -> int:
    """Return how many pixels a canvas, or a crop with its margins and outline, has at most.

    0 where neither is requested. `upright` is the size of the image, all of which a crop may show.
    Raises InvalidOption where the outline leaves nothing.
    """
    if options.canvas is not None:
        return options.canvas.pixels
    if not options.crop:
        return 0
    box, _ = _with_room(options.margin.around(Box(0, 0, *upright)), options)
    return min(max_pixels, box.width * box.height)


@dataclass(frozen=True)
class Frame:
    """How a cut-out becomes a result of `size`, in pixels.

    The part of the cut-out in the box `crop`, None for all of it, is scaled to the box `inner` of
    the result. `shown` is the part of the cut-out that is visible then; None where that is all of
    it.
    """

    crop: Box | None
    size: Size
    inner: Box
    shown: Box | None

    @classmethod
    def of(cls, pixels: Cutout, options: CutoutOptions, max_pixels: int) -> "Frame":
        """Frame a cut-out (H, W, 4) uint8 RGBA: a crop has room for margins and the outline.

        Raises ImageTooLarge where the crop has more than `max_pixels` pixels, and InvalidOption
        where margins or the outline leave nothing.
        """
        box = subject_box(pixels) if options.crop else None
        whole = Size(pixels.shape[1], pixels.shape[0])
        if options.canvas is not None:
            return cls._on_canvas(options.canvas, box, whole, options)
        if box is None:
            size = whole.limited(options.size)
            return cls(None, size, Box(0, 0, *size), None)
        box, size = _with_room(options.margin.around(box), options)
        if box.width * box.height > max_pixels:
            raise ImageTooLarge(
                f"the crop with margin {options.margin} has {box.width} x {box.height} = "
                f"{box.width * box.height} pixels; the limit is {max_pixels}: ask for a smaller "
                "margin"
            )
        return cls(box, size, Box(0, 0, *size), box)

    @classmethod
    def _on_canvas(
        cls, canvas: Canvas, box: Box | None, whole: Size, options: CutoutOptions
    ) -> "Frame":
        """Frame a cut-out as large as the margins, and the outline of a crop, leave room for."""
        room = _free(canvas, options, 0 if box is None else _outline(options))
        part = Box(0, 0, *whole) if box is None else box
        ratio = min(room.width / part.width, room.height / part.height)
        width, height = (max(1, round(side * ratio)) for side in part.size)
        left, top = (0.5, 0.5) if options.position is None else options.position.shares
        inner = Box(
            room.left + int((room.width - width) * left),
            room.top + int((room.height - height) * top),
            width,
            height,
        )
        # The canvas's edges, in pixels of the cut-out; they may lie beyond it.
        shown = Box.between(
            round(part.left - inner.left / ratio),
            round(part.top - inner.top / ratio),
            round(part.left + (canvas.size.width - inner.left) / ratio),
            round(part.top + (canvas.size.height - inner.top) / ratio),
        )
        return cls(box, canvas.size, inner, shown)

    def framed(self, pixels: Cutout) -> Cutout:
        """Crop and scale a cut-out to the result's size, transparent where it has no pixels.

        `pixels` is (H, W, 4) uint8 RGBA, and so is the result.
        """
        resized = resize_cutout(self.cropped(pixels), *self.inner.size)
        if self.inner.size == self.size:
            return resized
        canvas = np.zeros((self.size.height, self.size.width, 4), np.uint8)
        paste(canvas, resized, self.inner.left, self.inner.top)
        return canvas

    def cropped(self, pixels: Cutout) -> Cutout:
        """Crop a cut-out (H, W, 4) uint8 RGBA to `crop`, transparent where that reaches beyond."""
        return pixels if self.crop is None else crop(pixels, self.crop)


def _free(canvas: Canvas, options: CutoutOptions, outline: int) -> Box:
    """Return what margins and the outline leave of a canvas. Raises InvalidOption for nothing."""
    free = options.margin.within(canvas.size).grown(*[-outline] * 4)
    if min(free.size) < 1:
        beside = f" and an outline of {outline} px" if outline else ""
        raise InvalidOption(
            f"margin {options.margin}{beside} leave nothing of a canvas of {canvas}; ask for less "
            "margin or a larger canvas"
        )
    return free


def _with_room(box: Box, options: CutoutOptions) -> tuple[Box, Size]:
    """Return a crop's box with room for the outline, and the size of the result.

    The outline's width is in pixels of the result, so that a crop is scaled to leave room for it.
    Raises InvalidOption where that leaves nothing.
    """
    room = _outline(options)
    longest = None if options.size is None else options.size - 2 * room
    if longest is not None and longest < 1:
        raise InvalidOption(
            f"outline: {room} px at each side leave nothing of a size of {options.size} px"
        )
    inner = box.size.limited(longest)
    grown = box.grown(*[round(room * box.width / inner.width)] * 4)
    return grown, Size(inner.width + 2 * room, inner.height + 2 * room)


def _outline(options: CutoutOptions) -> int:
    return 0 if options.outline is None else options.outline.width
