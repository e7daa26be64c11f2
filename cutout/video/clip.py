"""Reading of a clip: its frames, upright and in sRGB, with their times; and its sound."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cutout.errors import EmptyImage, ImageTooLarge, UndecodableImage, UnsupportedFormat
from cutout.imaging.box import Size
from cutout.imaging.decode import Raster
from cutout.sources import ArraySource

KINDS = "MP4, MOV, WebM, Matroska or GIF"
# FFmpeg's demuxers that are allowed: others, such as those of playlists, open other files and URLs.
DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,gif"
BAD_PACKETS = 8  # in a row, from which on a clip counts as corrupt; players skip a few as well
HD = 720  # lines from which on colours that are not described are those of BT.709 (ITU)
UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED


@dataclass(frozen=True)
class Frame:
    """One frame, upright; `pts` is its time in units of the clip's time base."""

    pixels: Raster
    pts: int


class Clip:
    """A clip that is open for reading. Its frames can be read once."""

    def __init__(self, path: Path, container: InputContainer, max_pixels: int) -> None:
        self.path = path
        self._container = container
        self._video = _video_of(path, container)
        self._max_pixels = max_pixels
        # By the header, before a frame is decoded; `frames` checks each, as sizes may change.
        _check_size(path, self._shown(self._video.width, self._video.height), max_pixels)
        # Frames in parallel too; PyAV's default is slices alone.
        self._video.thread_type = "AUTO"

    @classmethod
    @contextmanager
    def open(cls, path: Path, max_pixels: int) -> Iterator["Clip"]:
        """Open a file as a context.

        Raises OSError where it cannot be read, UnsupportedFormat where it is not a clip, and
        EmptyImage or ImageTooLarge by the size of its frames.
        """
        with _opened(path) as container:
            yield cls(path, container, max_pixels)

    @property
    def rate(self) -> Fraction:
        """Frames per second, on average."""
        rate = self._video.average_rate or self._video.guessed_rate
        return Fraction(rate.numerator, rate.denominator) if rate else Fraction(25)

    @property
    def time_base(self) -> Fraction:
        """The unit of `Frame.pts`, in seconds."""
        base = self._video.time_base or Fraction(1, av.time_base)
        return Fraction(base.numerator, base.denominator)

    @property
    def pixel_aspect(self) -> Fraction:
        """The ratio of a pixel's width to its height, in the stored frame."""
        aspect = self._video.sample_aspect_ratio
        return Fraction(aspect.numerator, aspect.denominator) if aspect else Fraction(1)

    @property
    def count(self) -> int | None:
        """The number of frames, as the file says or its duration suggests; None if neither does."""
        # 0 where the container does not say.
        if self._video.frames:
            return int(self._video.frames)
        if self._container.duration is None:
            return None
        return round(Fraction(self._container.duration, av.time_base) * self.rate)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames in the order in which they are shown; times always increase.

        Raises UndecodableImage where the clip is corrupt, and EmptyImage or ImageTooLarge where a
        later frame has another size.
        """
        count = 0
        last = -1
        for frame in self._decoded():
            size = self._shown(frame.width, frame.height)
            _check_size(self.path, size, self._max_pixels)
            step = round(1 / self.rate / self.time_base)
            pts = frame.pts if frame.pts is not None else last + max(1, step)
            # The first time may be negative; later ones are moved where they do not increase.
            last = max(last + 1, pts) if count else pts
            count += 1
            yield Frame(_pixels(frame, size, self._max_pixels), last)
        if not count:
            raise UndecodableImage(f"{self.path}: no frame can be decoded")

    def _shown(self, width: int, height: int) -> Size:
        """Return the size of a stored frame with square pixels; neither side becomes shorter.

        Not every file can say that its pixels are not square, and a network expects that they are.
        """
        aspect = self.pixel_aspect
        one = Fraction(1)
        return Size(round(width * max(one, aspect)), round(height * max(one, 1 / aspect)))

    def _decoded(self) -> Iterator[VideoFrame]:
        bad = 0
        for packet in self._container.demux(self._video):
            try:
                yield from packet.decode()
                bad = 0
            except av.error.InvalidDataError as error:
                bad += 1
                if bad >= BAD_PACKETS:
                    raise UndecodableImage(f"{self.path}: the clip is corrupt") from error


@contextmanager
def sound_of(path: Path) -> Iterator[tuple[InputContainer, AudioStream] | None]:
    """Open a clip once more, for its sound alone; None where it has none that can be decoded.

    Raises OSError where it cannot be read, and UnsupportedFormat where it is not a clip.
    """
    with _opened(path) as container:
        stream = container.streams.best("audio")
        # Without a codec context, it is of a codec that this FFmpeg does not have.
        if isinstance(stream, AudioStream) and stream.codec_context is not None:
            yield container, stream
        else:
            yield None


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    with path.open("rb"):  # errors of the file as others have them
        pass
    try:
        container = av.open(str(path.absolute()), options={"format_whitelist": DEMUXERS})
    except (av.error.FFmpegError, OSError) as error:
        raise UnsupportedFormat(f"{path}: not a supported clip: {KINDS}") from error
    with container:
        yield container


def _video_of(path: Path, container: InputContainer) -> VideoStream:
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream):
        raise UnsupportedFormat(f"{path}: there is no video in it")
    return stream


def _check_size(path: Path, size: Size, max_pixels: int) -> None:
    if not size.width or not size.height:
        raise EmptyImage(f"{path}: its frames have no size")
    if size.width * size.height > max_pixels:
        raise ImageTooLarge(
            f"{path}: frames of {size.width} x {size.height} pixels; the limit is {max_pixels}: "
            "raise CUTOUT_MAX_PIXELS"
        )


def _pixels(frame: VideoFrame, size: Size, max_pixels: int) -> Raster:
    """Return a frame, scaled to `size`, as upright RGB, with its own alpha where it has one."""
    has_alpha = any(part.is_alpha for part in frame.format.components)
    known = frame.colorspace != UNSPECIFIED
    array = frame.reformat(
        *size,
        format="rgba" if has_alpha else "rgb24",
        src_colorspace=None if known else _usual_colors(frame.height),
        # MPEG and JPEG; what is unspecified is left to FFmpeg.
        src_color_range=frame.color_range if frame.color_range in (1, 2) else None,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    ).to_ndarray()
    upright: NDArray[np.uint8] = np.ascontiguousarray(np.rot90(array, round(frame.rotation / 90)))
    return ArraySource(upright, max_pixels).decode()


def _usual_colors(height: int) -> Colorspace:
    return Colorspace.ITU709 if height >= HD else Colorspace.ITU601
