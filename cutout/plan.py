"""Every size of a job, as plain numbers, before a pixel is decoded."""

from dataclasses import dataclass

from cutout.imaging.box import Box, Size
from cutout.imaging.decode import reduction
from cutout.imaging.headers import Header
from cutout.inference.predictor import Predictor
from cutout.options import MaskOptions, Region

OVERSAMPLED = 2
"""From twice the network's own size on, an alpha from a JPEG reduced by its DCT differs by less
than quantisation makes it differ."""


@dataclass(frozen=True)
class Plan:
    """The sizes of a mask or a cut-out.

    `upload` is the size of the upright image. `factor` is how far it is reduced while it is decoded
    (`reduction`). `working` is the size that it is worked on at, None for whatever comes out of the
    decoder: then only the network looks at it. `region` is the part that the network sees, in
    pixels of `working`, None for all of it. `answer` is the size of the answer before a crop.
    """

    upload: Size
    factor: int
    working: Size | None
    region: Box | None
    answer: Size

    @classmethod
    def of(cls, header: Header, options: MaskOptions, predictor: Predictor) -> "Plan":
        """Plan the job of `options` on the image of `header`.

        Raises RegionOutOfBounds or RegionEmpty.
        """
        upload = header.upright
        answer = options.answer_size(upload)
        if not options.needs_pixels:
            least = seen_by_network(predictor.mask_size(upload), upload)
            return cls(upload, reduction(header, least), None, None, answer)
        working, region = _working_size(upload, answer, options.roi, predictor)
        return cls(upload, reduction(header, working), working, region, answer)


@dataclass(frozen=True)
class ScorePlan:
    """How far an image is reduced to be scored, and to be masked too where that is asked for.

    Two factors, as what one network sees must not depend on what another one needs.
    """

    factor: int
    mask_factor: int

    @classmethod
    def of(cls, header: Header, scorer: Predictor, masker: Predictor | None) -> "ScorePlan":
        """Plan a score by `scorer`, with what the mask of `masker` says of the image, if any."""
        upload = header.upright
        factor = reduction(header, seen_by_network(scorer.score_size(upload), upload))
        if masker is None:
            return cls(factor, factor)
        least = seen_by_network(masker.mask_size(upload), upload)
        return cls(factor, min(factor, reduction(header, least)))


def seen_by_network(canvas: Size, image: Size) -> Size:
    """The size to decode at for a network that brings an image to the size `canvas`."""
    return Size(
        min(image.width, OVERSAMPLED * canvas.width),
        min(image.height, OVERSAMPLED * canvas.height),
    )


def _working_size(
    upload: Size, answer: Size, roi: Region | None, predictor: Predictor
) -> tuple[Size, Box | None]:
    """The size to work at, and the region in it.

    That is the size of the answer, and larger only where the network would see too little else: it
    looks at the region alone, so the whole has to have that many more pixels.
    """
    box = Box(0, 0, *upload) if roi is None else roi.box(upload)
    least = seen_by_network(predictor.mask_size(box.size), box.size)
    across = least.width / box.width * upload.width / answer.width
    down = least.height / box.height * upload.height / answer.height
    ratio = max(1.0, across, down)
    working = Size(
        min(upload.width, round(answer.width * ratio)),
        min(upload.height, round(answer.height * ratio)),
    )
    return working, None if roi is None else box.covering(upload, working)
