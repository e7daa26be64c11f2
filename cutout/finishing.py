"""From a cut-out to what was asked for: its size, its arrangement, its background."""

import numpy as np
from numpy.typing import NDArray

from cutout.errors import ClientError, ImageTooLarge
from cutout.imaging.arrange import crop, place, subject_box
from cutout.imaging.box import Box, Size
from cutout.imaging.compose import Cut, Cutout, limit_size, on_color, on_image
from cutout.imaging.decode import Raster, reduction
from cutout.imaging.straight import resize_cutout
from cutout.options import Channels, CutoutOptions, Format, Margins
from cutout.options.colors import WHITE
from cutout.plan import Plan
from cutout.sources import Source
from cutout.system.clock import Clock

Pixels = NDArray[np.uint8]


def compose(
    cut: Cut,
    plan: Plan,
    options: CutoutOptions,
    max_pixels: int,
    background: Source[object] | None,
    clock: Clock,
) -> tuple[Pixels | Cut, Box | None]:
    """Finish a cut-out: its size, its arrangement, its background.

    Returns the pixels, and the part of the upload that they show if it was cropped. Raises
    ImageTooLarge where margins make more of it than `max_pixels`.
    """
    if background is None and _is_finished(cut, plan.answer, options):
        return cut, None
    with clock.stage("postprocess"):
        pixels, crop = _arranged(cut, plan.answer, options, max_pixels)
    size = Size(pixels.shape[1], pixels.shape[0])
    behind = None if background is None else _decode_behind(background, size, clock)
    with clock.stage("postprocess"):
        shown = None if crop is None else crop.rescaled(plan.answer, plan.upload)
        return _dressed(pixels, options, behind), shown


def _is_finished(cut: Cut, answer: Size, options: CutoutOptions) -> bool:
    """Whether nothing remains to be done to a cut-out, so that it can be written band by band."""
    dressed = options.background is not None or options.channels is not Channels.rgba
    if cut.size != answer or options.is_arranged or dressed:
        return False
    return options.format in (Format.png, Format.auto)


def _arranged(
    cut: Cut, answer: Size, options: CutoutOptions, max_pixels: int
) -> tuple[Cutout, Box | None]:
    """The cut-out at its size, cropped, its subject scaled and moved; and the box of the crop."""
    pixels = resize_cutout(cut.whole(), *answer)
    box = _crop_box(pixels, options.margin, max_pixels) if options.crop else None
    if box is not None:
        pixels = crop(pixels, box)
    return limit_size(place(pixels, options.scale, _position(options)), options.size), box


def _decode_behind(background: Source[object], canvas: Size, clock: Clock) -> Raster:
    """Decode the background image, no smaller than the canvas."""
    try:
        with clock.stage("decode"):
            return background.decode(reduction(background.header, canvas))
    except ClientError as error:
        raise type(error)(f"background image: {error.detail}") from error


def _dressed(pixels: Cutout, options: CutoutOptions, behind: Raster | None) -> Pixels:
    """The cut-out on the background that was asked for, or its alpha (H, W)."""
    if options.channels is Channels.alpha and options.format is not Format.zip:
        return np.ascontiguousarray(pixels[:, :, 3])
    if behind is not None:
        pixels = on_image(pixels, _opaque(behind, options))
    elif options.background is not None:
        pixels = on_color(pixels, options.background.rgba)
    if options.format is Format.jpeg and pixels.shape[2] == 4:
        return on_color(pixels, WHITE.rgba)
    return pixels


def _crop_box(pixels: Cutout, margins: Margins, max_pixels: int) -> Box | None:
    subject = subject_box(pixels)
    if subject is None:
        return None
    box = margins.around(subject)
    if box.width * box.height > max_pixels:
        raise ImageTooLarge(
            f"the crop with margin {margins} has {box.width} x {box.height} = "
            f"{box.width * box.height} pixels; the limit is {max_pixels}: ask for a smaller margin"
        )
    return box


def _position(options: CutoutOptions) -> tuple[float, float] | None:
    """Where the subject goes; a scaled one is centred unless a position says otherwise."""
    if options.position is None:
        return None if options.scale is None else (0.5, 0.5)
    return None if options.position.keeps else (options.position.left, options.position.top)


def _opaque(behind: Raster, options: CutoutOptions) -> Pixels:
    """The background image, on the background colour where it is transparent itself."""
    if behind.alpha is None:
        return behind.image
    color = (options.background or WHITE).opaque
    return on_color(np.dstack([behind.image, behind.alpha]), color)
