"""From an image to its alpha: by the network, the caller's trimap and the image's edges."""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from cutout.errors import ClientError, InvalidOption
from cutout.imaging.arrange import embed
from cutout.imaging.box import Box, Point, Size
from cutout.imaging.choose import Choice, choose
from cutout.imaging.decode import Raster
from cutout.imaging.hard import harden
from cutout.imaging.mask import Guidance, refine, to_size
from cutout.imaging.matting.foreground import cell_colors
from cutout.imaging.preprocess import Alpha, Image, Matte
from cutout.imaging.trimap import Trimap, mask_of
from cutout.inference.predictor import Predictor, coarse_alpha
from cutout.options import MaskOptions
from cutout.plan import Plan
from cutout.sources import Source
from cutout.system.clock import Clock
from cutout.system.idle import idle_cores

MIN_MEAN_ALPHA = 0.002
"""Mean alpha of what the network sees below which the chosen subject counts as missed."""
SPARE = 1.5
"""Pixels, of the smaller one, by which the proportions of mask and image may differ: programs round
sizes in different ways."""


def read_trimap(mask: Source[object] | None, plan: Plan, clock: Clock) -> Trimap | None:
    """Decode the caller's mask as a trimap of the size of the alpha to be made; None for no mask.

    Raises InvalidOption where its proportions are not those of the upload, and UndecodableImage
    where it is corrupt.
    """
    if mask is None:
        return None
    given = mask.header.upright
    if not _has_proportions(given, plan.upload):
        raise InvalidOption(
            f"mask: {given.width} x {given.height} pixels have other proportions than the image, "
            f"which has {plan.upload.width} x {plan.upload.height} upright; send the mask at "
            "the size of the image, or scaled"
        )
    try:
        with clock.stage("decode"):
            # With the profile: a mask's values are no colours, which would be converted to sRGB.
            return Trimap.of(mask_of(mask.decode(keep_profile=True)), plan.working or plan.answer)
    except ClientError as error:
        raise type(error)(f"mask: {error.detail}") from error


class Ahead(NamedTuple):
    """What depends on the image alone: `Guidance` for its alpha, `cell_colors` for its cut-out."""

    guidance: Guidance
    colors: Image | None


def prepare_ahead(
    image: Raster, plan: Plan, options: MaskOptions, predictor: Predictor, *, with_colors: bool
) -> Callable[[], Ahead] | None:
    """Begin to prepare, on an idle core, what is needed when the network has answered.

    `with_colors` for a cut-out; a mask has no colours. Returns a function that waits for it, or
    None where no core is idle: of a small subject only the part around it is needed, which is
    cheaper afterwards.
    """
    if not options.refine:
        return None
    view = plan.region or Box(0, 0, *image.size)
    pixels = image.image[view.rows, view.columns]
    longest = max(predictor.mask_size(view.size))

    def work() -> Ahead:
        colors = cell_colors(image.shown) if with_colors else None
        return Ahead(Guidance.of(pixels, longest), colors)

    return idle_cores.ahead(work)


def make_alpha(
    image: Raster,
    plan: Plan,
    options: MaskOptions,
    predictor: Predictor,
    trimap: Trimap | None,
    clock: Clock,
    ahead: Callable[[], Ahead] | None = None,
) -> Matte:
    """Make the alpha of an image, (H, W) uint8, at its working size, or else the result's size.

    Where `trimap` is white or black, it overrides the network, the region and the threshold.
    `ahead` is of `prepare_ahead`. Raises TooSlow or Abandoned between stages, as `clock` says.
    """
    if trimap is not None and trimap.leaves_nothing_open:
        alpha = trimap.sure
    else:
        alpha = _subject_alpha(image, plan, options, predictor, trimap, clock, ahead)
    # Last, so that white in the trimap still means the subject.
    return np.asarray(cv2.bitwise_not(alpha), np.uint8) if options.invert else alpha


def _subject_alpha(
    image: Raster,
    plan: Plan,
    options: MaskOptions,
    predictor: Predictor,
    trimap: Trimap | None,
    clock: Clock,
    ahead: Callable[[], Ahead] | None,
) -> Matte:
    """Return the alpha of the subject by the network, and by what the trimap adds."""
    whole = Box(0, 0, *image.size)
    first = plan.region or whole
    view, coarse = _find_subject(image, first, plan.choice, predictor, clock)
    pixels = image.image[view.rows, view.columns]
    with clock.stage("postprocess"):
        if trimap is not None:
            coarse = trimap.part(view).guide(coarse) if view != whole else trimap.guide(coarse)
        if options.refine:
            # A closer view has other cells.
            made = ahead() if ahead is not None and view == first else None
            alpha = refine(coarse, pixels, None if made is None else made.guidance)
        else:
            alpha = to_size(coarse, *(plan.answer if plan.working is None else view.size))
        if options.threshold is not None:
            alpha = harden(alpha, options.threshold)
        if view != whole:
            alpha = embed(alpha, view, image.size)
        # The network saw some surroundings of the box too; of these nothing is kept.
        if plan.choice is not None and plan.choice.box is not None:
            box = plan.choice.box
            alpha = embed(alpha[box.rows, box.columns], box, image.size)
        # After the threshold, so that what the caller is sure of stays to the pixel.
        return alpha if trimap is None else trimap.impose(alpha)


def _find_subject(
    image: Raster, view: Box, choice: Choice | None, predictor: Predictor, clock: Clock
) -> tuple[Box, Alpha]:
    """Run the network on a part of the image; of several subjects, keep the chosen one.

    Where next to nothing is left then, it runs again on a closer view, around the first point.
    """
    pixels = image.image[view.rows, view.columns]
    if choice is None:
        return view, coarse_alpha(predictor, pixels, clock)
    coarse = coarse_alpha(predictor, pixels, clock, all_pieces=True)
    with clock.stage("postprocess"):
        coarse = choose(coarse, pixels, choice.within(view))
    if coarse.mean() >= MIN_MEAN_ALPHA or not choice.kept:
        return view, coarse
    view = _around(choice.kept[0], view)
    pixels = image.image[view.rows, view.columns]
    coarse = coarse_alpha(predictor, pixels, clock, all_pieces=True)
    with clock.stage("postprocess"):
        return view, choose(coarse, pixels, choice.within(view))


def _around(point: Point, view: Box) -> Box:
    """Return a box half as wide and half as high as a view, as close around a point as it fits."""
    # Rounded up, so that a view of one pixel stays one.
    width, height = -(-view.width // 2), -(-view.height // 2)
    left = min(max(view.left, point.x - width // 2), view.right - width)
    top = min(max(view.top, point.y - height // 2), view.bottom - height)
    return Box(left, top, width, height)


def _has_proportions(given: Size, upload: Size) -> bool:
    """Tell whether an image of one size is the other one scaled, apart from rounding."""
    small, large = sorted((given, upload), key=max)
    ratio = max(small) / max(large)
    return (
        abs(small.width - ratio * large.width) <= SPARE
        and abs(small.height - ratio * large.height) <= SPARE
    )
