"""Every size of a job, as plain numbers, before a pixel is decoded."""

from dataclasses import dataclass

from cutout.errors import InvalidOption
from cutout.imaging.box import Box, Size
from cutout.imaging.choose import Choice
from cutout.imaging.decode import reduction
from cutout.imaging.headers import Header
from cutout.inference.predictor import Predictor
from cutout.options import MaskOptions

AROUND = 0.25
"""Share of a box's sides that the network sees around it: a subject is told by its
surroundings."""
OVERSAMPLED = 2
"""Times the network's own size: from there on, reducing a JPEG by its DCT changes the alpha by less
than quantising the network does."""


@dataclass(frozen=True)
class Plan:
    """The sizes of a mask or a cut-out.

    - `upload` is the size of the upright image, and `factor` by how much it is reduced while it is
      decoded (`reduction`).
    - `working` is the size at which it is processed; None for whatever comes out of the decoder:
      then only the network sees the pixels.
    - `region` is the part that the network sees, in pixels of `working`; None for all of it.
    - `answer` is the size of the result before a crop.
    - `choice` tells which subject is meant, in pixels of `working`; None for all of them.
    """

    upload: Size
    factor: int
    working: Size | None
    region: Box | None
    answer: Size
    choice: Choice | None = None

    @classmethod
    def of(cls, header: Header, options: MaskOptions, predictor: Predictor) -> "Plan":
        """Plan the job of `options` on the image of `header`.

        Raises RegionOutOfBounds or RegionEmpty where a region or a point is not in the image, and
        InvalidOption where `roi` and `box` are both given.
        """
        upload = header.upright
        answer = options.answer_size(upload)
        if not options.needs_pixels:
            least = seen_by_network(predictor.mask_size(upload), upload)
            return cls(upload, reduction(header, least), None, None, answer)
        chosen = _choice(options, upload)
        view = _view(options, upload)
        working = _working_size(upload, answer, view or Box(0, 0, *upload), predictor)
        return cls(
            upload,
            reduction(header, working),
            working,
            None if view is None else view.covering(upload, working),
            answer,
            None if chosen is None else chosen.rescaled(upload, working),
        )


@dataclass(frozen=True)
class ScorePlan:
    """By how much an image is reduced while it is decoded, for its score and for its mask.

    Two factors, as what one network sees must not depend on what the other needs.
    """

    factor: int
    mask_factor: int

    @classmethod
    def of(cls, header: Header, scorer: Predictor, masker: Predictor | None) -> "ScorePlan":
        """Plan a score by `scorer`, and a mask by `masker` if that is not None."""
        upload = header.upright
        factor = reduction(header, seen_by_network(scorer.score_size(upload), upload))
        if masker is None:
            return cls(factor, factor)
        least = seen_by_network(masker.mask_size(upload), upload)
        # Not reduced more than for the score: then one decoded image serves both.
        return cls(factor, min(factor, reduction(header, least)))


def seen_by_network(canvas: Size, image: Size) -> Size:
    """Return the size to decode an image at, for a network that resizes it to `canvas`."""
    return Size(
        min(image.width, OVERSAMPLED * canvas.width),
        min(image.height, OVERSAMPLED * canvas.height),
    )


def _view(options: MaskOptions, upload: Size) -> Box | None:
    """Return the part of the upload that the network sees: a box with some of its surroundings."""
    if options.box is None:
        return None if options.roi is None else options.roi.box(upload)
    if options.roi is not None:
        raise InvalidOption("roi and box exclude each other; leave one of them out")
    box = options.box.box(upload, "box")
    across, down = round(AROUND * box.width), round(AROUND * box.height)
    return box.grown(down, across, down, across).clipped(upload)


def _choice(options: MaskOptions, upload: Size) -> Choice | None:
    if not options.chooses:
        return None
    kept, dropped = ([], []) if options.points is None else options.points.resolve(upload)
    box = None if options.box is None else options.box.box(upload, "box")
    return Choice(tuple(kept), tuple(dropped), box)


def _working_size(upload: Size, answer: Size, view: Box, predictor: Predictor) -> Size:
    """Return the size to work at.

    That is the size of the result, and larger only where the network would otherwise see too
    little: it sees `view` alone, so the whole image needs that many more pixels.
    """
    least = seen_by_network(predictor.mask_size(view.size), view.size)
    across = least.width / view.width * upload.width / answer.width
    down = least.height / view.height * upload.height / answer.height
    ratio = max(1.0, across, down)
    return Size(
        min(upload.width, round(answer.width * ratio)),
        min(upload.height, round(answer.height * ratio)),
    )
