"""READ FIRST: the whole job. An upload goes in, a score, a mask or a cut-out comes out.

Runs in a worker thread; knows nothing of HTTP. Each line below is a stage of `Clock`, and so of `Server-Timing`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.clock import Clock
from app.imaging import alpha as alphas
from app.imaging import codec, compose
from app.imaging.codec import Picture
from app.inference.manifest import Manifest
from app.inference.predictor import Predictor
from app.inference.registry import Registry
from app.options import CutoutOptions, Format, MaskOptions, parse_color

MEDIA_TYPES = {Format.png: "image/png", Format.webp: "image/webp", Format.jpeg: "image/jpeg"}


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
    """A finished picture file."""

    data: bytes
    media_type: str
    width: int
    height: int
    subject: Subject
    manifest: Manifest


class Remover:
    """Scores pictures, masks them and cuts them out with the loaded models. Thread-safe."""

    def __init__(self, registry: Registry, max_pixels: int) -> None:
        self.registry, self.max_pixels = registry, max_pixels

    def score(self, upload: bytes, clock: Clock, model: str | None = None, subject: bool = False) -> Score:
        """The probability that a picture shows foreground; with `subject`, also what a mask says of it."""
        predictor = self.registry.for_scores(model)
        picture = self._decode(upload, clock)
        with clock.stage("inference"):
            probability = predictor.probability(picture.image)
        found = None
        if subject:
            coarse = self._coarse_alpha(picture, self.registry.for_masks(None), clock)
            found = describe(alphas.to_size(coarse, picture.width, picture.height))
        return Score(probability, picture.width, picture.height, predictor.manifest, found)

    def mask(self, upload: bytes, options: MaskOptions, clock: Clock) -> Written:
        """The alpha as an 8-bit grey PNG."""
        predictor = self.registry.for_masks(options.model)
        picture = self._decode(upload, clock)
        alpha = self._alpha(picture, predictor, options, clock)
        with clock.stage("postprocess"):
            subject = describe(alpha)
            alpha = compose.limit_size(alpha, options.size)
        with clock.stage("encode"):
            data = codec.encode_png(alpha)
        return Written(data, "image/png", alpha.shape[1], alpha.shape[0], subject, predictor.manifest)

    def cut_out(self, upload: bytes, options: CutoutOptions, clock: Clock, background: bytes | None = None) -> Written:
        """The picture without its background, or on another one."""
        predictor = self.registry.for_masks(options.model)
        picture = self._decode(upload, clock)
        behind = self._decode(background, clock) if background is not None else None
        alpha = self._alpha(picture, predictor, options, clock)
        with clock.stage("postprocess"):
            subject = describe(alpha)
            pixels = compose.cutout(picture.image, alpha, picture.alpha)
            if options.crop and subject.found:
                pixels = compose.crop_to_subject(pixels, options.margin)
            pixels = dress(compose.limit_size(pixels, options.size), options, behind)
        with clock.stage("encode"):
            data = encode(pixels, options.format)
        return Written(data, MEDIA_TYPES[options.format], pixels.shape[1], pixels.shape[0], subject, predictor.manifest)

    def _decode(self, upload: bytes, clock: Clock) -> Picture:
        with clock.stage("decode"):
            picture = codec.decode(upload, self.max_pixels)
            clock.pixels += picture.width * picture.height
            return picture

    def _coarse_alpha(self, picture: Picture, predictor: Predictor, clock: Clock) -> NDArray[np.float32]:
        with clock.stage("preprocess"):
            prepared = predictor.prepare(picture.image)
        with clock.stage("inference"):
            output = predictor.predict(prepared)
        with clock.stage("postprocess"):
            return predictor.assemble(prepared, output)

    def _alpha(self, picture: Picture, predictor: Predictor, options: MaskOptions, clock: Clock) -> NDArray[np.uint8]:
        coarse = self._coarse_alpha(picture, predictor, clock)
        with clock.stage("postprocess"):
            if options.refine:
                alpha = alphas.refine(coarse, picture.image)
            else:
                alpha = alphas.to_size(coarse, picture.width, picture.height)
            return alpha if options.threshold is None else alphas.harden(alpha, options.threshold)


def describe(alpha: NDArray[np.uint8]) -> Subject:
    """What an alpha (H, W) uint8 says: found or not, coverage in [0, 1], bounding box."""
    box = alphas.bounding_box(alpha)
    return Subject(alphas.subject_found(alpha), alphas.coverage(alpha), None if box is None else Box(*box))


def dress(cutout: NDArray[np.uint8], options: CutoutOptions, behind: Picture | None) -> NDArray[np.uint8]:
    """A cut-out (H, W, 4) on the background that was asked for: (H, W, 3), or unchanged where none was."""
    if behind is not None:
        return compose.on_picture(cutout, behind.image)
    if options.background is not None:
        return compose.on_color(cutout, parse_color(options.background))
    if options.format is Format.jpeg:
        return compose.on_color(cutout, parse_color("#fff"))
    return cutout


def encode(pixels: NDArray[np.uint8], picture_format: Format) -> bytes:
    """Write pixels (H, W, 3 or 4) as a file of that format."""
    if picture_format is Format.png:
        return codec.encode_png(pixels)
    return codec.encode_webp(pixels) if picture_format is Format.webp else codec.encode_jpeg(pixels)
