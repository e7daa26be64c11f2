"""READ FIRST: the whole job. An upload goes in, a score, a mask or a cut-out comes out.

Runs in a worker thread; knows nothing of HTTP. Each line below is a stage of `Clock`, and so of `Server-Timing`.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cutout.errors import ClientError, PictureTooLarge
from cutout.imaging import alpha as alphas
from cutout.imaging import arrange, codec, compose, pair
from cutout.imaging.codec import Picture
from cutout.imaging.preprocess import resize
from cutout.imaging.sizes import Sizing, decoded_for, worked_on
from cutout.inference.manifest import Manifest
from cutout.inference.predictor import Predictor
from cutout.inference.registry import Registry
from cutout.options import Channels, CutoutOptions, Format, MaskOptions, parse_color
from cutout.options.lengths import parse_margins, parse_position, parse_region
from cutout.system.clock import Clock

WRITERS = {
    Format.png: ("image/png", codec.encode_png),
    Format.webp: ("image/webp", codec.encode_webp),
    Format.jpeg: ("image/jpeg", codec.encode_jpeg),
    Format.zip: ("application/zip", pair.encode_zip),
}


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the upright upload."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class Subject:
    """What the mask says of the picture: is there a subject, how much of the picture it covers, and where."""

    found: bool
    coverage: float
    box: Box | None


@dataclass(frozen=True)
class Score:
    probability: float
    width: int
    height: int
    manifest: Manifest
    subject: Subject | None


@dataclass(frozen=True)
class Written:
    """A finished picture file, the size of the upright upload it was made from, and which part of that it shows.

    `crop` is in the upload's pixels and may reach beyond it; None where the whole picture is shown.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    upload_width: int
    upload_height: int
    subject: Subject
    manifest: Manifest
    crop: Box | None = None


class Remover:
    """Scores pictures, masks them and cuts them out with the loaded models. Thread-safe."""

    def __init__(self, registry: Registry, max_pixels: int) -> None:
        self.registry, self.max_pixels = registry, max_pixels

    def score(self, upload: bytes, clock: Clock, model: str | None = None, subject: bool = False) -> Score:
        """The probability that a picture shows foreground; with `subject`, also what a mask says of it."""
        predictor = self.registry.for_scores(model)
        picture = self._decode(upload, clock, decoded_for(predictor.score_size))
        coarse = found = None
        if subject:
            masker = self.registry.for_masks(None)
            looked_at = self._no_smaller(picture, upload, clock, decoded_for(masker.mask_size))
            alpha = self._coarse_alpha(looked_at.image, masker, clock)
            coarse = alpha if masker is predictor else None
            with clock.stage("postprocess"):
                height, width = looked_at.image.shape[:2]
                found = describe(alphas.to_size(alpha, width, height), looked_at)
        with clock.stage("inference"):
            probability = predictor.probability(picture.image, coarse)
        return Score(probability, picture.width, picture.height, predictor.manifest, found)

    def mask(self, upload: bytes, options: MaskOptions, clock: Clock) -> Written:
        """The alpha as an 8-bit grey PNG."""
        predictor = self.registry.for_masks(options.model)
        size = partial(compose.limited_size, longest=options.size)
        if options.refine or options.roi is not None:
            picture = self._decode_at(upload, clock, _working_size(size, predictor, options))
            alpha = self._alpha(picture, predictor, options, clock)
        else:
            picture = self._decode(upload, clock, decoded_for(predictor.mask_size))
            alpha = self._alpha(picture, predictor, options, clock, size(picture.width, picture.height))
        with clock.stage("postprocess"):
            subject = describe(alpha, picture)
            alpha = resize(alpha, *size(picture.width, picture.height))
            alpha = alpha if options.threshold is None else alphas.harden(alpha, 0.5)  # shrinking made it soft again
        return _write(alpha, Format.png, picture, subject, predictor.manifest, clock)

    def cut_out(self, upload: bytes, options: CutoutOptions, clock: Clock, background: bytes | None = None) -> Written:
        """The picture without its background, or on another one."""
        predictor = self.registry.for_masks(options.model)
        size = partial(answer_size, options=options)
        picture = self._decode_at(upload, clock, _working_size(size, predictor, options))
        alpha = self._alpha(picture, predictor, options, clock)
        with clock.stage("postprocess"):
            alpha = compose.times(alpha, picture.alpha)
            subject = describe(alpha, picture)
        is_size = size(picture.width, picture.height) == (alpha.shape[1], alpha.shape[0])
        if is_size and background is None and is_as_cut(options, alpha):
            return _write_as_cut(picture, alpha, subject, predictor.manifest, clock)
        with clock.stage("postprocess"):
            pixels = compose.cutout(picture.image, alpha)
            pixels = compose.resize_cutout(pixels, *size(picture.width, picture.height))
            box = self._crop_box(pixels, options) if options.crop else None
            crop = None if box is None else _in_upload(box, pixels, picture)
            pixels = compose.limit_size(arranged(pixels, box, options), options.size)
            pixels = pixels if options.threshold is None else compose.hard(pixels)
        canvas = pixels.shape[1], pixels.shape[0]
        behind = None if background is None else self._decode_background(background, clock, canvas)
        with clock.stage("postprocess"):
            pixels = dress(pixels, options, behind)
        return replace(_write(pixels, options.format, picture, subject, predictor.manifest, clock), crop=crop)

    def _decode(self, upload: bytes, clock: Clock, least: Sizing) -> Picture:
        """Upright; a JPEG with arrays no larger than is needed to have `least`."""
        with clock.stage("decode"):
            picture = codec.decode(upload, self.max_pixels, least)
            clock.pixels = picture.width * picture.height
            return picture

    def _decode_background(self, upload: bytes, clock: Clock, canvas: tuple[int, int]) -> Picture:
        try:
            with clock.stage("decode"):
                return codec.decode(upload, self.max_pixels, lambda width, height: canvas)
        except ClientError as error:
            raise type(error)(f"the background picture: {error.detail}") from error

    def _no_smaller(self, picture: Picture, upload: bytes, clock: Clock, least: Sizing) -> Picture:
        """The same, decoded anew where its arrays are smaller than `least`: what one network sees of a picture must not
        depend on what another one needs."""
        height, width = picture.image.shape[:2]
        across, down = least(picture.width, picture.height)
        if width >= across and height >= down:
            return picture
        with clock.stage("decode"):
            return codec.decode(upload, self.max_pixels, least)

    def _decode_at(self, upload: bytes, clock: Clock, size: Sizing) -> Picture:
        """With arrays of exactly that size."""
        picture = self._decode(upload, clock, size)
        with clock.stage("decode"):
            return arrange.within(picture, *size(picture.width, picture.height))

    def _crop_box(self, pixels: NDArray[np.uint8], options: CutoutOptions) -> tuple[int, int, int, int] | None:
        """As `arrange.crop_box`. Raises PictureTooLarge where the margin makes more of it than a picture may have."""
        box = arrange.crop_box(pixels, parse_margins(options.margin))
        if box is not None and box[2] * box[3] > self.max_pixels:
            raise PictureTooLarge(
                f"the crop with its margin has {box[2]} x {box[3]} pixels; the most made here is {self.max_pixels}"
            )
        return box

    def _coarse_alpha(self, image: NDArray[np.uint8], predictor: Predictor, clock: Clock) -> NDArray[np.float32]:
        with clock.stage("preprocess"):
            prepared = predictor.prepare(image)
        with clock.stage("inference"):
            output = predictor.predict(prepared)
        with clock.stage("postprocess"):
            return predictor.assemble(prepared, output)

    def _alpha(
        self,
        picture: Picture,
        predictor: Predictor,
        options: MaskOptions,
        clock: Clock,
        size: tuple[int, int] | None = None,
    ) -> NDArray[np.uint8]:
        """As large as the picture's arrays, or of that size (width, height) where nothing of them is needed any more.

        Only the region of interest is looked at, where one is asked for.
        """
        height, width = picture.image.shape[:2]
        box = _region(options, picture)
        image = picture.image if box is None else picture.image[box[1] : box[3], box[0] : box[2]]
        coarse = self._coarse_alpha(image, predictor, clock)
        with clock.stage("postprocess"):
            if options.refine:
                alpha = alphas.refine(coarse, image)
            else:
                alpha = alphas.to_size(coarse, *(size or (image.shape[1], image.shape[0])))
            alpha = alpha if options.threshold is None else alphas.harden(alpha, options.threshold)
            return alpha if box is None else arrange.only_in(alpha, box, width, height)


def answer_size(width: int, height: int, options: CutoutOptions) -> tuple[int, int]:
    """The (width, height) of the answer to a picture of that size, before a crop."""
    width, height = arrange.fitting_size(width, height, options.megapixels)
    return (width, height) if options.crop else compose.limited_size(width, height, options.size)


def is_as_cut(options: CutoutOptions, alpha: NDArray[np.uint8]) -> bool:
    """Whether a PNG of the cut-out itself is asked for, with nothing done to it once it is cut out."""
    arranged = options.crop or options.scale is not None or options.position not in (None, "original")
    if arranged or options.background is not None or options.channels is not Channels.rgba:
        return False
    return options.format is Format.png or (options.format is Format.auto and bool(alpha.min() < 255))


def describe(alpha: NDArray[np.uint8], picture: Picture) -> Subject:
    """What an alpha (h, w) uint8 says: found or not, coverage in [0, 1], bounding box in the upload's pixels."""
    box = alphas.bounding_box(alpha)
    where = None if box is None else _in_upload(box, alpha, picture)
    return Subject(alphas.subject_found(alpha), alphas.coverage(alpha), where)


def _in_upload(box: tuple[int, int, int, int], pixels: NDArray[np.uint8], picture: Picture) -> Box:
    """A box (left, top, width, height) in an array (h, w, ...) of the whole picture, in the upload's pixels."""
    across, down = picture.width / pixels.shape[1], picture.height / pixels.shape[0]
    left, top = round(box[0] * across), round(box[1] * down)
    right, bottom = round((box[0] + box[2]) * across), round((box[1] + box[3]) * down)
    return Box(left, top, right - left, bottom - top)


def arranged(
    cutout: NDArray[np.uint8], box: tuple[int, int, int, int] | None, options: CutoutOptions
) -> NDArray[np.uint8]:
    """A cut-out (H, W, 4) cropped to a box, its subject scaled and placed as asked for."""
    if box is not None:
        cutout = arrange.crop(cutout, box)
    position = options.position or ("original" if options.scale is None else "center")
    return arrange.place(cutout, options.scale, parse_position(position))


def dress(cutout: NDArray[np.uint8], options: CutoutOptions, behind: Picture | None) -> NDArray[np.uint8]:
    """A cut-out (H, W, 4) on the background that was asked for, (H, W, 3 or 4), or its alpha (H, W)."""
    if options.channels is Channels.alpha and options.format is not Format.zip:
        return np.ascontiguousarray(cutout[:, :, 3])
    if behind is not None:
        cutout = compose.on_picture(cutout, opaque(behind, options.background or "#fff"))
    elif options.background is not None:
        cutout = compose.on_color(cutout, parse_color(options.background))
    if options.format is Format.jpeg and cutout.shape[2] == 4:
        return compose.on_color(cutout, parse_color("#fff"))
    return cutout


def opaque(picture: Picture, color: str) -> NDArray[np.uint8]:
    """A picture (h, w, 3) on a colour, whose own alpha does not count, where it is transparent itself."""
    if picture.alpha is None:
        return picture.image
    solid = parse_color(color) | np.array([0, 0, 0, 255], np.uint8)
    return compose.on_color(np.dstack([picture.image, picture.alpha]), solid)


def _working_size(answer: Sizing, predictor: Predictor, options: MaskOptions) -> Sizing:
    return worked_on(answer, predictor.mask_size, None if options.roi is None else parse_region(options.roi))


def _region(options: MaskOptions, picture: Picture) -> tuple[int, int, int, int] | None:
    """The region of interest (left, top, right, bottom) in pixels of the picture's arrays, or None for all of it."""
    if options.roi is None:
        return None
    box = parse_region(options.roi).box(picture.width, picture.height)
    height, width = picture.image.shape[:2]
    left, top = box[0] * width // picture.width, box[1] * height // picture.height
    return left, top, -(-box[2] * width // picture.width), -(-box[3] * height // picture.height)


def _write(
    pixels: NDArray[np.uint8], form: Format, picture: Picture, subject: Subject, manifest: Manifest, clock: Clock
) -> Written:
    """Pixels (H, W), (H, W, 3) or (H, W, 4) as a file of that format."""
    with clock.stage("encode"):
        if form is Format.auto:
            pixels, form = _simplest(pixels)
        media_type, encode = WRITERS[form]
        height, width = pixels.shape[:2]
        return Written(encode(pixels), media_type, width, height, picture.width, picture.height, subject, manifest)


def _write_as_cut(
    picture: Picture, alpha: NDArray[np.uint8], subject: Subject, manifest: Manifest, clock: Clock
) -> Written:
    """The cut-out as a PNG, cut out and compressed some rows at a time: it is never whole, which at 12 megapixels saves
    48 MB and the time to fill and empty them."""
    with clock.stage("encode"):
        height, width = alpha.shape
        data = codec.encode_png_bands((height, width, 4), compose.cutout_bands(picture.image, alpha))
        return Written(data, "image/png", width, height, picture.width, picture.height, subject, manifest)


def _simplest(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Format]:
    """PNG for an alpha or where something is transparent, else JPEG."""
    if pixels.ndim == 3 and (pixels.shape[2] == 3 or pixels[:, :, 3].min() == 255):
        return np.ascontiguousarray(pixels[:, :, :3]), Format.jpeg
    return pixels, Format.png
