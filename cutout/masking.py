"""From an image to its alpha: by the network, the caller's trimap and the image's edges."""

import cv2
import numpy as np

from cutout.errors import ClientError, InvalidOption
from cutout.imaging.arrange import only_in
from cutout.imaging.box import Box, Size
from cutout.imaging.decode import Raster
from cutout.imaging.hard import harden
from cutout.imaging.mask import refine, to_size
from cutout.imaging.preprocess import Matte
from cutout.imaging.trimap import Trimap, mask_of
from cutout.inference.predictor import Predictor, coarse_alpha
from cutout.options import MaskOptions
from cutout.plan import Plan
from cutout.sources import Source
from cutout.system.clock import Clock

SPARE = 1.5
"""Pixels by which a mask's proportions may differ: sizes are rounded in more than one way."""


def read_trimap(mask: Source[object] | None, plan: Plan, clock: Clock) -> Trimap | None:
    """Decode the caller's mask, at the size of the alpha to be made.

    Raises InvalidOption if its proportions are not those of the upload, and UndecodableImage.
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
            return Trimap.of(mask_of(mask.decode(keep_profile=True)), plan.working or plan.answer)
    except ClientError as error:
        raise type(error)(f"mask: {error.detail}") from error


def make_alpha(
    image: Raster,
    plan: Plan,
    options: MaskOptions,
    predictor: Predictor,
    trimap: Trimap | None,
    clock: Clock,
) -> Matte:
    """Make the alpha (H, W) uint8 of an image: at its working size, or else the answer's.

    Where `trimap` is white or black, it overrides the network, the region and the threshold.
    """
    if trimap is not None and trimap.leaves_nothing_open:
        alpha = trimap.sure
    else:
        alpha = _seen_alpha(image, plan, options, predictor, trimap, clock)
    return np.asarray(cv2.bitwise_not(alpha), np.uint8) if options.invert else alpha


def _seen_alpha(
    image: Raster,
    plan: Plan,
    options: MaskOptions,
    predictor: Predictor,
    trimap: Trimap | None,
    clock: Clock,
) -> Matte:
    """The alpha of the subject, as the network sees it."""
    box = plan.region or Box(0, 0, *image.size)
    pixels = image.image[box.rows, box.columns]
    coarse = coarse_alpha(predictor, pixels, clock)
    with clock.stage("postprocess"):
        if trimap is not None:
            coarse = (trimap if plan.region is None else trimap.part(box)).guide(coarse)
        if options.refine:
            alpha = refine(coarse, pixels)
        else:
            alpha = to_size(coarse, *(plan.answer if plan.working is None else box.size))
        if options.threshold is not None:
            alpha = harden(alpha, options.threshold)
        if plan.region is not None:
            alpha = only_in(alpha, box, image.size)
        return alpha if trimap is None else trimap.impose(alpha)


def _has_proportions(given: Size, upload: Size) -> bool:
    """Whether an image of one size is the other one scaled, but for rounding."""
    ratio = max(given) / max(upload)
    return (
        abs(given.width - ratio * upload.width) <= SPARE
        and abs(given.height - ratio * upload.height) <= SPARE
    )
