"""Clips for tests, made in code: a disc that moves over black, and a tone; what is in a clip."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
WIDTH, HEIGHT, FRAMES, RATE = 96, 64, 12, 12
SOUND_RATE = 48_000


@dataclass(frozen=True)
class Played:
    """What a player makes of a file: frames (N, H, W, 4), when each is shown, and the sound."""

    frames: Pixels
    times: list[Fraction]
    sound: str | None
    sound_seconds: float


def disc_at(number: int) -> Pixels:
    """Frame `number`, (H, W, 3): the disc moves two pixels a frame."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    inside = np.hypot(rows - HEIGHT // 2, columns - 30 - 2 * number) < 16
    return np.repeat(np.where(inside, 255, 0).astype(np.uint8)[:, :, np.newaxis], 3, axis=2)


def write_clip(
    path: Path,
    sound: str | None = None,
    turned: bool = False,
    frames: int = FRAMES,
    aspect: Fraction = Fraction(1),
) -> Path:
    """A clip; `sound` is a codec, and of `turned` clips players turn the frames upright.

    `aspect` is the ratio of a pixel's width to its height.
    """
    codec, form = {".webm": ("libvpx-vp9", "yuv420p"), ".gif": ("gif", "rgb8")}.get(
        path.suffix, ("libx264", "yuv420p")
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, form
        stream.codec_context.sample_aspect_ratio = aspect
        if turned:
            stream.set_display_rotation(90)
        tone = container.add_stream(sound, rate=SOUND_RATE) if sound else None
        if tone is not None:
            tone.layout = "mono"
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(disc_at(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            seconds = np.arange(FRAMES * SOUND_RATE // RATE) / SOUND_RATE
            wave = (8000 * np.sin(2 * np.pi * 440 * seconds)).astype(np.int16)
            heard = av.AudioFrame.from_ndarray(wave[np.newaxis], format="s16", layout="mono")
            heard.sample_rate, heard.pts = SOUND_RATE, 0
            container.mux(tone.encode(heard))
            container.mux(tone.encode(None))
    return path


def sound_packets(path: Path) -> list[slice]:
    """Where in a file the packets of its sound are."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.pos is not None]
    return [slice(packet.pos, packet.pos + packet.size) for packet in packets]


def play(path: Path) -> Played:
    """Decode a file; WebM's transparency is known to libvpx's own decoder alone."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = (
            av.CodecContext.create("libvpx-vp9", "r")
            if stream.codec_context.name == "vp9"
            else stream.codec_context
        )
        frames = [
            (frame.to_ndarray(format="rgba"), frame.pts * stream.time_base)
            for packet in container.demux(stream)
            for frame in decoder.decode(packet if packet.size else None)
        ]
    with av.open(str(path)) as container:
        tones = container.streams.audio
        heard = [frame for tone in tones for frame in container.decode(tone)]
        seconds = sum(frame.samples / frame.sample_rate for frame in heard)
        codec = tones[0].codec_context.name if tones else None
    pixels = np.stack([pixels for pixels, _ in frames])
    return Played(
        pixels,
        [Fraction(float(time)).limit_denominator(1000) for _, time in frames],
        codec,
        seconds,
    )
