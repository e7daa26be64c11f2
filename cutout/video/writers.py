"""Writing of clips: WebM and MOV with transparency, MP4 without, or PNG files; with their sound."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.rational import AVRational
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cutout.imaging.encode import encode_png
from cutout.system.files import replace
from cutout.video.clip import Clip, sound_of

Pixels = NDArray[np.uint8]
Prepared: TypeAlias = VideoFrame | bytes
Packet: TypeAlias = Any  # av.Packet is generic, but in its stubs alone
BT709 = 1  # of FFmpeg: AVCOL_SPC_, AVCOL_PRI_ and AVCOL_TRC_BT709
LIMITED = 1  # AVCOL_RANGE_MPEG
CELL = 8  # pixels: colours under transparent pixels are computed on cells of this side
FILLED = 3  # cells around the subject that get its colours
GREY = 128  # the colour further away
EPSILON = 1e-3  # share of a cell's surroundings that must be subject to give it a colour


@dataclass(frozen=True)
class Kind:
    """How files with an extension are written: codecs, pixel formats and options of FFmpeg.

    `transparent` is the pixel format with alpha; None if the codec has none.
    """

    codec: str
    opaque: str
    transparent: str | None
    options: dict[str, str]
    copied: frozenset[str]
    """Codecs of sound that the container takes as they are; any other is encoded as `sound`."""
    sound: str
    container_options: dict[str, str] = field(default_factory=dict)


PCM = ("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be")
H264 = Kind(
    "libx264",
    "yuv420p",
    None,
    {"preset": "veryfast", "crf": "20"},
    frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"}),
    "aac",
    {"movflags": "+faststart"},  # the index in front: it plays while it arrives
)
VP9 = Kind(
    "libvpx-vp9",
    "yuv420p",
    "yuva420p",
    {
        "deadline": "realtime",
        "cpu-used": "8",
        "crf": "24",
        "b": "0",  # with any other bit rate, `crf` is not the quality alone
        "row-mt": "1",
        "tile-columns": "2",
        "auto-alt-ref": "0",  # the encoder has none with transparency
        "lag-in-frames": "0",
    },
    frozenset({"opus", "vorbis"}),
    "libopus",
)
PRORES = Kind(
    "prores",
    "yuv444p10le",
    "yuva444p10le",
    {"vendor": "apl0"},
    frozenset({"aac", "ac3", "alac", "eac3", "mp3", *PCM}),
    "aac",
)
KINDS = {".mp4": H264, ".m4v": H264, ".webm": VP9, ".mov": PRORES}


class Writer(Protocol):
    """The protocol of what takes finished frames, in order."""

    def prepare(self, pixels: Pixels) -> Prepared:
        """Convert pixels (H, W, 3) RGB or (H, W, 4) RGBA, uint8, to the file's own form.

        May be called from any thread.
        """
        ...

    def write(self, prepared: Prepared, pts: int) -> None:
        """Write a prepared frame; `pts` is its time in units of the clip's time base."""
        ...


class FolderWriter:
    """A writer of numbered PNG files, the first of which is 000001.png."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def prepare(self, pixels: Pixels) -> bytes:
        """Encode pixels (H, W, 3) RGB or (H, W, 4) RGBA, uint8, as a PNG."""
        return encode_png(pixels)

    def write(self, prepared: Prepared, pts: int) -> None:
        """Write the next PNG file; `pts` is not used. Raises OSError where it cannot be written."""
        assert isinstance(prepared, bytes)
        self._count += 1
        replace(self._path(self._count), lambda part: part.write_bytes(prepared))

    def close(self) -> None:
        """Remove the further frames of a longer clip that was written here before."""
        # Only without a gap: a file of the user's may have a name of digits, such as a date.
        for number in count(self._count + 1):
            if not (path := self._path(number)).is_file():
                return
            path.unlink()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06}.png"


class FileWriter:
    """A writer of one file with video and sound."""

    def __init__(
        self, container: OutputContainer, kind: Kind, clip: Clip, sound: "Sound | None", cores: int
    ) -> None:
        self._container = container
        self._kind = kind
        self._clip = clip
        self._sound = sound
        self._cores = cores
        self._stream: VideoStream | None = None

    def prepare(self, pixels: Pixels) -> VideoFrame:
        """Convert pixels (H, W, 3) RGB or (H, W, 4) RGBA, uint8, to a frame in the codec's format.

        A last odd row or column is cut off.
        """
        # Chroma of 4:2:0 is for two by two pixels. `or None` keeps a single row or column.
        even = pixels[: pixels.shape[0] // 2 * 2 or None, : pixels.shape[1] // 2 * 2 or None]
        has_alpha = even.shape[2] == 4 and self._kind.transparent is not None
        if has_alpha:
            even = with_colors_around(even)
        frame = VideoFrame.from_ndarray(
            np.ascontiguousarray(even), format="rgba" if even.shape[2] == 4 else "rgb24"
        )
        # One thread: frames are prepared in several already.
        return frame.reformat(
            format=self._kind.transparent if has_alpha else self._kind.opaque,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )

    def write(self, prepared: Prepared, pts: int) -> None:
        """Encode a prepared frame, whose time is `pts`, and write what the encoder gives."""
        assert isinstance(prepared, VideoFrame)
        if self._stream is None:
            # Only the first frame tells the size of the result.
            self._stream = self._begin(prepared)
        prepared.pts = pts
        prepared.time_base = self._clip.time_base
        for packet in self._stream.encode(prepared):
            self._mux(packet)

    def close(self) -> None:
        """Write what the encoder still holds, and the rest of the sound."""
        if self._stream is not None:
            for packet in self._stream.encode(None):
                self._mux(packet)
        if self._sound is not None:
            self._sound.mux_until(None)

    def _begin(self, frame: VideoFrame) -> VideoStream:
        kind = self._kind
        stream = self._container.add_stream(kind.codec, self._clip.rate, dict(kind.options))
        assert isinstance(stream, VideoStream)
        stream.width = frame.width
        stream.height = frame.height
        stream.pix_fmt = frame.format.name
        context = stream.codec_context
        # The clip's own, not 1 / rate: frames of a variable rate keep their times.
        context.time_base = self._clip.time_base
        context.thread_count = self._cores
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED
        if self._sound is not None:
            self._sound.begin(self._container, kind)
        return stream

    def _mux(self, packet: Packet) -> None:
        if self._sound is not None:
            self._sound.mux_until(_time(packet))
        self._container.mux(packet)


class Sound:
    """The sound of a clip: its packets as they are where a file takes them, else encoded again."""

    def __init__(self, source: InputContainer, stream: AudioStream) -> None:
        self._source = source
        self._stream = stream
        self._packets: Iterator[Packet] = iter(())
        self._next: Packet | None = None
        self._container: OutputContainer | None = None

    def begin(self, container: OutputContainer, kind: Kind) -> None:
        """Add the sound to a file, before anything is written there."""
        self._container = container
        if self._stream.codec_context.codec.canonical_name in kind.copied:
            self._packets = self._copied(container.add_stream_from_template(self._stream))
        else:
            self._packets = self._encoded(container.add_stream(kind.sound))
        self._next = next(self._packets, None)

    def mux_until(self, seconds: Fraction | None) -> None:
        """Write the packets up to a time in seconds, None for all.

        Sound and video are interleaved, as files are played while they arrive.
        """
        while self._next is not None and self._container is not None:
            if seconds is not None and _time(self._next) > seconds:
                return
            self._container.mux(self._next)
            self._next = next(self._packets, None)

    def _copied(self, stream: AudioStream) -> Iterator[Packet]:
        for packet in self._source.demux(self._stream):
            # PyAV ends with an empty packet, for decoders to be flushed.
            if packet.dts is not None:
                packet.stream = stream
                yield packet

    def _encoded(self, stream: object) -> Iterator[Packet]:
        assert isinstance(stream, AudioStream)
        for packet in self._source.demux(self._stream):
            try:
                frames = packet.decode()
            # Damaged packets are left out, as those of the video are; the rest is still heard.
            except av.error.FFmpegError:
                continue
            for frame in frames:
                yield from stream.encode(frame)
        yield from stream.encode(None)


def _time(packet: Packet) -> Fraction:
    """Return when a packet is due, in seconds; one without a time is due at once."""
    return Fraction(0) if packet.dts is None else packet.dts * _fraction(packet.time_base)


def _fraction(ratio: AVRational) -> Fraction:
    return Fraction(ratio.numerator, ratio.denominator)


def kind_of(target: Path) -> Kind | None:
    """Return how a file of that name is written; None for a directory of PNG files.

    Raises KeyError for an unknown extension.
    """
    return KINDS[target.suffix.lower()] if target.suffix else None


def write_clip(target: Path, clip: Clip, cores: int, feed: Callable[[Writer], None]) -> None:
    """Have `feed` write a clip: to a file, whole or not at all, or frame by frame to a directory.

    `cores` is how many threads the encoder uses. Raises OSError where the target cannot be written.
    """
    kind = kind_of(target)
    if kind is None:
        target.mkdir(parents=True, exist_ok=True)
        folder = FolderWriter(target)
        feed(folder)
        folder.close()
        return

    def write(part: Path) -> None:
        with (
            # Opened once more: sound and video are read at paces of their own.
            sound_of(clip.path) as sound,
            # FFmpeg chooses the container by the suffix, which `replace` keeps. Absolute, as it
            # takes what is before a colon for a protocol.
            av.open(str(part.absolute()), "w", options=kind.container_options) as container,
        ):
            writer = FileWriter(container, kind, clip, sound and Sound(*sound), cores)
            feed(writer)
            writer.close()

    replace(target, write)


def with_colors_around(pixels: Pixels) -> Pixels:
    """Give transparent pixels the colours of the subject nearby, and grey further away.

    `pixels` is (H, W, 4) uint8 RGBA, 0 throughout where alpha is 0; so is the result, but for these
    colours. Lossy codecs mix the colours of neighbouring pixels: black there would show as a dark
    fringe.
    """
    height, width = pixels.shape[:2]
    small = (max(1, width // CELL), max(1, height // CELL))
    alpha = np.ascontiguousarray(pixels[:, :, 3])
    seen = np.asarray(cv2.inRange(alpha, 1, 255), np.uint8)
    side = (2 * FILLED + 1, 2 * FILLED + 1)
    colors = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)[:, :, :3]
    total = cv2.blur(np.asarray(colors, np.float32), side)
    weight = cv2.blur(
        cv2.resize(seen, small, interpolation=cv2.INTER_AREA).astype(np.float32), side
    )
    weight = weight[:, :, np.newaxis] / 255
    # Hidden pixels are 0 and add nothing: divided by the share seen, this is the others' mean.
    filled = np.where(weight > EPSILON, total / np.maximum(weight, EPSILON), GREY)
    filled = np.clip(filled, 0, 255).astype(np.uint8)
    around = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    behind = cv2.merge([*cv2.split(around), alpha])
    return np.asarray(cv2.copyTo(pixels, seen, behind), np.uint8)
