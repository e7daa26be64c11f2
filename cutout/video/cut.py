"""READ FIRST: a clip goes in, a clip comes out.

    frames -> coarse alpha -> steadied -> refined, composed, prepared -> written

A pipeline of generators. The second and the fourth step run in threads, several frames at a time;
steadying needs the frame before, reading and writing are in order: these run one frame at a time. A
frame is composed by the same code as an image (`cutout.finishing`).
"""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import av
import cv2
import numpy as np

from cutout.errors import UndecodableImage
from cutout.finishing import at_size, compose
from cutout.imaging.box import Size
from cutout.imaging.compose import LazyCutout, multiply_alphas
from cutout.imaging.decode import Raster
from cutout.imaging.hard import harden
from cutout.imaging.headers import Header
from cutout.imaging.mask import refine, to_size
from cutout.imaging.preprocess import Alpha
from cutout.inference.predictor import Predictor, coarse_alpha
from cutout.inference.registry import Registry
from cutout.options import CutoutOptions
from cutout.plan import Plan
from cutout.sources import ArraySource, Source
from cutout.system.clock import Clock
from cutout.video.clip import Clip, Frame
from cutout.video.order import in_order
from cutout.video.steady import AlphaSmoother
from cutout.video.writers import Pixels, Prepared, Writer, write_clip

Behind: TypeAlias = Callable[[Size], ArraySource | None]

AHEAD = 2  # frames per thread by which a step may be ahead of the next one


@dataclass(frozen=True)
class ClipJob:
    """What to make of a clip.

    `background` is put behind the subject, `steady` smooths the masks over time, and `threads` is
    how many frames are processed at the same time.
    """

    options: CutoutOptions
    models: Registry
    max_pixels: int
    background: Source[object] | None = None
    steady: bool = True
    threads: int = 1


def cut_clip(
    source: Path, target: Path, job: ClipJob, advance: Callable[[int | None], None]
) -> None:
    """Cut out a clip. `advance` is called after each frame written, with how many there will be.

    Raises OSError where a file cannot be read or written, and ClientError where the clip cannot be
    read or an option is invalid.
    """
    with Clip.open(source, job.max_pixels) as clip:

        def feed(writer: Writer) -> None:
            with (
                ThreadPoolExecutor(job.threads, thread_name_prefix="clip") as pool,
                # Closed before the pool, so that frames that wait are cancelled.
                closing(_prepared(clip, writer, job, pool)) as frames,
            ):
                for prepared, pts in frames:
                    writer.write(prepared, pts)
                    advance(clip.count)

        try:
            write_clip(target, clip, job.threads, feed)
        except av.error.FFmpegError as error:
            # A full disk and the like are an OSError too, which says more.
            if isinstance(error, OSError):
                raise
            raise UndecodableImage(
                f"{source}: FFmpeg can't convert it: {error.strerror}"
            ) from error


def _prepared(
    clip: Clip, writer: Writer, job: ClipJob, pool: ThreadPoolExecutor
) -> Generator[tuple[Prepared, int]]:
    predictor = job.models.for_masks(job.options.model)
    behind = _scaled(job.background, job.options)
    ahead = AHEAD * job.threads

    def look(frame: Frame) -> tuple[Frame, Alpha]:
        return frame, coarse_alpha(predictor, frame.pixels.image, Clock())

    def finish(steadied: tuple[Frame, Alpha]) -> tuple[Prepared, int]:
        frame, coarse = steadied
        pixels = _composed(frame.pixels, coarse, job, predictor, behind)
        return writer.prepare(pixels), frame.pts

    # One pool for both steps: its threads never wait for one another, only this one does.
    looked = in_order(pool, look, clip.frames(), ahead)
    return in_order(pool, finish, _smoothed(looked, job.steady), ahead)


def _smoothed(
    looked: Generator[tuple[Frame, Alpha]], steady: bool
) -> Generator[tuple[Frame, Alpha]]:
    smoother = AlphaSmoother()
    with closing(looked):
        for frame, coarse in looked:
            yield frame, smoother.step(coarse, frame.pixels.image) if steady else coarse


def _scaled(background: Source[object] | None, options: CutoutOptions) -> Behind:
    """Return a function from the size of a frame to the background at that size, made once."""

    @lru_cache(maxsize=1)
    def behind(size: Size) -> ArraySource | None:
        return None if background is None else at_size(background, size, options)

    return behind


def _composed(
    pixels: Raster, coarse: Alpha, job: ClipJob, predictor: Predictor, behind: Behind
) -> Pixels:
    """Compose a frame, (H, W, 3) or (H, W, 4), as an image with these options would be."""
    options = job.options
    plan = Plan.of(Header("array", *pixels.size), options, predictor)
    if plan.working is not None:
        pixels = pixels.resized(plan.working)
    alpha = refine(coarse, pixels.image) if options.refine else to_size(coarse, *pixels.size)
    if options.threshold is not None:
        alpha = harden(alpha, options.threshold)
    if options.invert:
        alpha = np.asarray(cv2.bitwise_not(alpha), np.uint8)
    cut = LazyCutout(pixels.image, multiply_alphas(alpha, pixels.alpha))
    finished, _ = compose(cut, plan, options, job.max_pixels, behind(plan.answer), Clock())
    return finished.whole() if isinstance(finished, LazyCutout) else finished
