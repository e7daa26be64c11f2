"""Animations: each frame is cut out as an image is, and the result is an animation again.

    frame -> `remover.cut_out` -> compressed

One after the other, so that only one frame is in memory, and of the others their compressed bytes.
The masks are smoothed over time, as those of clips are.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cutout import framing, remover
from cutout.errors import ImageTooLarge, InvalidOption
from cutout.finishing import at_size, decoding_background
from cutout.imaging.box import Box, Size
from cutout.imaging.compose import LazyCutout
from cutout.imaging.decode import Raster, decode_frames
from cutout.imaging.decoders.animated import Animation
from cutout.imaging.encode import NOTHING_ATTACHED, Attached
from cutout.imaging.encode_frames import Frame, encode_animated_webp, encode_apng, encode_gif
from cutout.imaging.headers import Header
from cutout.imaging.metadata import NOTHING, Metadata
from cutout.imaging.preprocess import Alpha, Image, Tensor
from cutout.inference.manifest import Manifest
from cutout.inference.predictor import Predictor, Prepared
from cutout.inference.registry import Registry
from cutout.options import CutoutOptions, Format, Frames
from cutout.results import Result, Subject
from cutout.sources import File, Source, Upload
from cutout.system.clock import Clock
from cutout.video.steady import AlphaSmoother

Pixels = NDArray[np.uint8]

WRITERS: dict[Format, tuple[str, Callable[[Iterable[Frame], int, int | None], bytes]]] = {
    Format.png: ("image/png", encode_apng),
    Format.webp: ("image/webp", encode_animated_webp),
    Format.gif: ("image/gif", encode_gif),
}
OF_ONE_IMAGE = ("points", "crop", "canvas", "scale", "position", "keep_profile", "keep_metadata")
"""Options for a single image, which cannot be combined with `frames=all`."""


def weight(upload: Upload, options: CutoutOptions) -> int:
    """Return how many pixels an upload counts as where memory is budgeted: those of all its frames.

    Raises ImageTooLarge for a larger canvas, more frames, or more pixels in all of them, than are
    allowed, and InvalidOption for a canvas together with an option that excludes it.
    """
    header = upload.header
    if not _is_asked_for(header, options):
        # A small upload may ask for a large canvas, or for large margins.
        framing.check(options, upload.max_pixels)
        most = framing.most_pixels(options, header.upright, upload.max_pixels)
        return max(header.weight, most)
    if header.frames > upload.max_frames:
        raise ImageTooLarge(
            f"the animation has {header.frames} frames; the limit is {upload.max_frames}: send "
            "fewer, leave out frames=all, or raise CUTOUT_MAX_FRAMES"
        )
    if header.frames * header.pixels > upload.max_pixels:
        raise ImageTooLarge(
            f"the animation has {header.frames} frames of {header.width} x {header.height} = "
            f"{header.frames * header.pixels} pixels; the limit is {upload.max_pixels} in all: "
            "send a smaller one, leave out frames=all, or raise CUTOUT_MAX_PIXELS"
        )
    return header.frames * header.weight


def cut_out(
    upload: Upload,
    options: CutoutOptions,
    models: Registry,
    clock: Clock,
    background: Source[object] | None = None,
    given: Source[object] | None = None,
) -> Result[File]:
    """Cut out an image, or with `frames=all` every frame of an animation.

    `given` is a mask by the caller: white is kept, black dropped, the rest decided by the network.
    The subject of an animation is found if any frame has it; its box covers those of all frames,
    its coverage is their mean.

    Raises InvalidOption for options that an animation cannot have, ImageTooLarge where it has more
    frames or pixels than are allowed, and what `remover.cut_out` raises.
    """
    _check(options, given is not None)
    if not _is_asked_for(upload.header, options):
        return remover.cut_out(upload, options, models, clock, background, given)
    # For its limits alone: only the service, which budgets memory, has called it before.
    weight(upload, options)
    form = Format(upload.header.format) if options.format is Format.auto else options.format
    media_type, encode = WRITERS[form]
    animation = Animation(upload.data, upload.header)
    frames = _Frames(animation, upload, options, models, clock, background)
    content = File(encode(frames, animation.plays, options.quality), media_type)
    subject = _together([result.subject for result in frames.results])
    # A frame's own header has one frame, so `frames_dropped` is 0 here.
    return replace(frames.results[0], content=content, subject=subject)


def _is_asked_for(header: Header, options: CutoutOptions) -> bool:
    """Tell whether all frames of an upload are requested, and it has more than one.

    Not those of an AVIF: libavif would decode later frames of any size.
    """
    return options.frames is Frames.all and header.frames > 1 and header.format != "avif"


def _check(options: CutoutOptions, has_mask: bool) -> None:
    if options.frames is Frames.first:
        return
    if options.format not in (*WRITERS, Format.auto):
        raise InvalidOption(
            f"format: {options.format} holds one image; with frames=all choose png, webp or gif"
        )
    usual = CutoutOptions()
    changed = [name for name in OF_ONE_IMAGE if getattr(options, name) != getattr(usual, name)]
    if has_mask or changed:
        raise InvalidOption(
            f"{'mask' if has_mask else changed[0]} applies to one image only; leave it out, or "
            "leave out frames=all"
        )


def _together(subjects: list[Subject]) -> Subject:
    """Merge what the masks of all frames say of the subject."""
    boxes = [subject.box for subject in subjects if subject.box is not None]
    return Subject(
        found=any(subject.found for subject in subjects),
        coverage=round(sum(subject.coverage for subject in subjects) / len(subjects), 6),
        box=_around(boxes) if boxes else None,
    )


def _around(boxes: list[Box]) -> Box:
    return Box.between(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


class _Frames:
    """The frames of an animation, each cut out when it is requested.

    `results` are those so far, without their pixels.
    """

    def __init__(
        self,
        animation: Animation,
        upload: Upload,
        options: CutoutOptions,
        models: Registry,
        clock: Clock,
        background: Source[object] | None,
    ) -> None:
        self._animation = animation
        self._upload = upload
        self._clock = clock
        # With PNG, what is finished stays a LazyCutout, which the animation's own encoder draws.
        self._options = options.model_copy(update={"format": Format.png})
        # `remover.cut_out` looks the predictor up by name: the name is that of the wrapped one.
        self._models = Registry([_Smoothed(models.for_masks(options.model))])
        self._background = background and self._at_size(background)
        self.results: list[Result[Any]] = []

    def __iter__(self) -> Iterator[Frame]:
        rasters = decode_frames(self._animation, self._upload.header)
        # By `next` and not by `for`, so that the stage times the decoding alone.
        for _ in range(self._upload.header.frames):
            with self._clock.stage("decode"):
                raster, milliseconds = next(rasters)
            source = _FrameSource(raster, self._upload.max_pixels)
            result: Result[Any] = remover.cut_out(
                source, self._options, self._models, self._clock, self._background
            )
            self.results.append(replace(result, content=None))
            # The encoder works between this line and the next frame it requests.
            started = time.perf_counter_ns()
            yield Frame(result.content, milliseconds)
            self._clock.add("encode", started)

    def _at_size(self, background: Source[object]) -> Source[object]:
        """Return the background at the size of the frames, so that it is decoded once."""
        size = self._options.answer_size(self._upload.header.upright)
        with decoding_background(self._clock):
            return at_size(background, size, self._options)


@dataclass(frozen=True)
class _FrameSource:
    """A decoded frame as a source; its result is pixels."""

    raster: Raster
    max_pixels: int

    @property
    def header(self) -> Header:
        return Header("array", *self.raster.size)

    def decode(
        self, factor: int = 1, size: Size | None = None, keep_profile: bool = False
    ) -> Raster:
        return self.raster.resized(size or self.raster.size)

    def metadata(self) -> Metadata:
        return NOTHING

    def write(
        self,
        pixels: Pixels | LazyCutout,
        form: Format,
        attached: Attached = NOTHING_ATTACHED,
        quality: int | None = None,
    ) -> Pixels | LazyCutout:
        return pixels


class _Smoothed:
    """A predictor that smooths its alphas from one frame to the next; for one animation."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._smoother = AlphaSmoother()

    @property
    def manifest(self) -> Manifest:
        return self._predictor.manifest

    def prepare(self, image: Image) -> Prepared:
        # `assemble` needs it. Frames come one after the other, so no other image comes in between.
        self._image = image
        return self._predictor.prepare(image)

    def predict(self, prepared: Prepared) -> Tensor:
        return self._predictor.predict(prepared)

    def assemble(self, prepared: Prepared, output: Tensor) -> Alpha:
        return self._smoother.step(self._predictor.assemble(prepared, output), self._image)

    def mask_size(self, size: Size) -> Size:
        return self._predictor.mask_size(size)

    def probability(self, image: Image, alpha: Alpha | None = None) -> float:
        return self._predictor.probability(image, alpha)

    def score_size(self, size: Size) -> Size:
        return self._predictor.score_size(size)
