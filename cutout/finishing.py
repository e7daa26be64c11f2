"""From a cut-out to the result: its size, its arrangement, effects under it, what is behind it."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.errors import ClientError
from cutout.framing import Frame
from cutout.imaging.arrange import scale_and_move
from cutout.imaging.blur import blur_filled
from cutout.imaging.box import Box, Size
from cutout.imaging.compose import Cutout, LazyCutout, covering, on_color, on_image
from cutout.imaging.decode import Raster, reduction
from cutout.imaging.effects import outlined, with_contact_shadow, with_soft_shadow
from cutout.imaging.preprocess import Image, resize
from cutout.imaging.straight_alpha import alpha_of, resize_cutout
from cutout.options import Blur, Channels, Color, CutoutOptions, Format, Shadow
from cutout.options.colors import WHITE
from cutout.plan import Plan
from cutout.sources import ArraySource, Source
from cutout.system.clock import Clock

Pixels = NDArray[np.uint8]
SEEN = 25  # 10 %: up to this alpha a pixel shows the background
UNDER = {Shadow.soft: with_soft_shadow, Shadow.contact: with_contact_shadow}


def compose(
    cut: LazyCutout,
    plan: Plan,
    options: CutoutOptions,
    max_pixels: int,
    background: Source[object] | None,
    clock: Clock,
) -> tuple[Pixels | LazyCutout, Box | None]:
    """Finish a cut-out: its size, its arrangement, the effects under it, the background behind it.

    Returns the pixels, (H, W) alpha, (H, W, 3) RGB or (H, W, 4) RGBA, uint8, and the part of the
    upload that they show if it was cropped. Raises ImageTooLarge where a crop with its margins has
    more than `max_pixels` pixels, InvalidOption where margins or the outline leave nothing, and
    UndecodableImage where the background cannot be decoded.
    """
    if background is None and _is_finished(cut, plan.answer, options):
        return cut, None
    with clock.stage("postprocess"):
        whole = resize_cutout(cut.whole(), *plan.answer)
        frame = Frame.of(whole, options, max_pixels)
        pixels = _with_effects(_arranged(whole, frame, options), options)
        # No background changes the alpha, so none is decoded. A ZIP always holds both.
        if options.channels is Channels.alpha and options.format is not Format.zip:
            return alpha_of(pixels), _shown(frame, plan)
        behind = _own_background(cut.image, whole, frame, options) if background is None else None
    if background is not None:
        behind = _given_background(background, frame.size, options, clock)
    with clock.stage("postprocess"):
        return _on(pixels, options, behind), _shown(frame, plan)


def at_size(background: Source[object], size: Size, options: CutoutOptions) -> ArraySource:
    """Decode a background and scale it to cover `size`, the size of the frames that it goes behind.

    Where it is transparent, it is put on the colour that the options ask for. Raises
    UndecodableImage where it is corrupt.
    """
    raster = background.decode(reduction(background.header, size))
    return ArraySource(covering(_opaque(raster, options), *size), background.max_pixels)


@contextmanager
def decoding_background(clock: Clock) -> Iterator[None]:
    """Time the block as decoding, and have its errors say that the background image is meant.

    Raises the ClientError that the block raises, with that text before its detail.
    """
    try:
        with clock.stage("decode"):
            yield
    except ClientError as error:
        # Every ClientError is made of its detail alone, so that its class can be kept.
        raise type(error)(f"background_image: {error.detail}") from error


def _is_finished(cut: LazyCutout, answer: Size, options: CutoutOptions) -> bool:
    """Tell whether a cut-out needs no more work, so that it can be written band by band."""
    changed = options.is_arranged or options.has_effects or options.channels is not Channels.rgba
    return cut.size == answer and not changed and options.format in (Format.png, Format.auto)


def _shown(frame: Frame, plan: Plan) -> Box | None:
    return None if frame.shown is None else frame.shown.rescaled(plan.answer, plan.upload)


def _arranged(whole: Cutout, frame: Frame, options: CutoutOptions) -> Cutout:
    """Put the cut-out in its frame; a canvas puts the subject at its position itself."""
    if options.canvas is not None:
        return frame.framed(whole)
    arranged = scale_and_move(frame.cropped(whole), options.scale, _position(options))
    return resize_cutout(arranged, *frame.size)


def _with_effects(pixels: Cutout, options: CutoutOptions) -> Cutout:
    """Return the cut-out with its outline and its shadow."""
    if options.outline is not None:
        pixels = outlined(pixels, options.outline.width, options.outline.color.rgba)
    return pixels if options.shadow is None else UNDER[options.shadow](pixels)


def _own_background(
    image: Image, cutout: Cutout, frame: Frame, options: CutoutOptions
) -> Image | None:
    """Return the blurred background (H, W, 3) of the image itself, if that is requested."""
    if not isinstance(options.background, Blur):
        return None
    # As a cut-out of the background: where the subject hides it, `blur_filled` fills it.
    seen = np.asarray(cv2.inRange(alpha_of(cutout), 0, SEEN), np.uint8)
    ground = LazyCutout(resize(image, cutout.shape[1], cutout.shape[0]), seen).whole()
    return blur_filled(frame.framed(ground), options.background.radius)


def _given_background(
    background: Source[object], canvas: Size, options: CutoutOptions, clock: Clock
) -> Image:
    """Return the background image at the size of the canvas, blurred if that is requested."""
    with decoding_background(clock):
        raster = background.decode(reduction(background.header, canvas))
    with clock.stage("postprocess"):
        image = covering(_opaque(raster, options), *canvas)
        if not isinstance(options.background, Blur):
            return image
        # `blur_filled` takes RGBA; this is opaque, so that nothing is filled.
        solid = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2RGBA), np.uint8)
        return blur_filled(solid, options.background.radius)


def _on(pixels: Cutout, options: CutoutOptions, behind: Image | None) -> Pixels:
    """Put the cut-out on the requested background."""
    if behind is not None:
        return on_image(pixels, behind)
    if isinstance(options.background, Color):
        pixels = on_color(pixels, options.background.rgba)
    # Still RGBA without a background, and on a translucent colour.
    if options.format is Format.jpeg and pixels.shape[2] == 4:
        return on_color(pixels, WHITE.rgba)
    return pixels


def _position(options: CutoutOptions) -> tuple[float, float] | None:
    """Return where the subject goes; a scaled one is centred unless a position says otherwise."""
    if options.position is None:
        return None if options.scale is None else (0.5, 0.5)
    return None if options.position.keeps else options.position.shares


def _opaque(behind: Raster, options: CutoutOptions) -> Pixels:
    """Return the background image, on the background colour where it is transparent itself.

    On white where there is none: "transparent" has no colour of its own.
    """
    if behind.alpha is None:
        return behind.image
    background = options.background
    color = background if isinstance(background, Color) and background.alpha else WHITE
    return on_color(np.dstack([behind.image, behind.alpha]), color.opaque)
