"""From frames to the bytes of an animation: PNG (APNG), WebP or GIF.

Frames come one after another, and of each no more than its compressed bytes is kept; libraries
that write animations want all of them at once. So each frame is whole, and replaces the one before.

Sources: PNG (Third Edition) 11.3.6, RFC 9649 2.7.1, GIF89a 17 to 26.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import GifImagePlugin
from PIL import Image as Pillow

from cutout.imaging import webp
from cutout.imaging.box import Size
from cutout.imaging.compose import LazyCutout
from cutout.imaging.encode import png_chunk, png_head, png_rows, refuse_longer, webp_planes
from cutout.imaging.straight_alpha import alpha_of

Pixels = NDArray[np.uint8]

MAX_UINT16 = 65_535  # the largest 16-bit number
MAX_WEBP_MS = (1 << 24) - 1
REPLACES, ANIMATED = 2, 2  # flags of ANMF, and of VP8X
CENTISECOND, CLEARED = 10, 2  # the unit of a GIF's times, and how its frames are disposed of
TWO_COLORS = 128
"""The smallest table of colours of a GIF as a whole, which some programs expect; frames have their
own."""
CLEAR = 255
"""The colour number that is transparent in a GIF."""
SAMPLES = 8_000
"""Pixels by which the palette of a frame is chosen: all of them take ten times as long."""
SOLID = 128
"""From this alpha on a pixel is opaque in a GIF, which knows nothing in between."""


@dataclass(frozen=True)
class Frame:
    """One frame of an animation: finished pixels, and for how many milliseconds they are shown.

    `pixels` is (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8. All frames of an animation have one
    shape.
    """

    pixels: Pixels | LazyCutout
    milliseconds: float


def encode_apng(frames: Iterable[Frame], plays: int, quality: int | None = None) -> bytes:
    """Encode frames as an animated PNG, lossless (PNG, Third Edition, 11.3.6).

    `plays` is how often the animation runs, 0 for without end. `quality` is there for the signature
    that all encoders share, and not used.
    """
    head = b""
    parts = list[bytes]()
    count = 0
    sequence = 0
    for count, frame in enumerate(frames, 1):
        head = head or png_head(frame.pixels.shape)
        parts += png_chunk(b"fcTL", _frame_control(sequence, frame))
        sequence += 1
        for body in png_rows(frame.pixels):
            # The first frame is IDAT, which programs that know no animations show too.
            if count == 1:
                parts += png_chunk(b"IDAT", body)
            else:
                # fcTL and fdAT are numbered together.
                parts += png_chunk(b"fdAT", struct.pack(">I", sequence) + body)
                sequence += 1
    # acTL comes before the frames, but counts them: so it is made last.
    control = png_chunk(b"acTL", struct.pack(">II", count, plays))
    return b"".join([head, *control, *parts, *png_chunk(b"IEND", b"")])


def _frame_control(sequence: int, frame: Frame) -> bytes:
    """Return the body of a fcTL chunk: the frame covers the canvas, replaces it, and stays."""
    height, width = frame.pixels.shape[:2]
    seconds = Fraction(frame.milliseconds) / 1000
    # The finest fraction whose two numbers have 16 bits.
    finest = 1000 if seconds == 0 else max(1, min(1000, int(MAX_UINT16 / seconds)))
    delay = seconds.limit_denominator(finest)
    above = min(MAX_UINT16, delay.numerator)
    below = delay.denominator
    return struct.pack(">IIIIIHHBB", sequence, width, height, 0, 0, above, below, 0, 0)


def encode_animated_webp(frames: Iterable[Frame], plays: int, quality: int | None = None) -> bytes:
    """Encode frames as an animated WebP, colours lossy (RFC 9649, section 2.7.1).

    `plays` is how often the animation runs, 0 for without end. `quality` is from 1 to 100. Raises
    InvalidOption beyond 16,383 pixels a side.
    """
    parts = list[bytes]()
    size = Size(1, 1)
    flags = ANIMATED
    for frame, milliseconds in _timed(frames, unit=1, most=MAX_WEBP_MS):
        size = Size(frame.pixels.shape[1], frame.pixels.shape[0])
        planes = webp_planes(_whole(frame), quality)
        # VP8X speaks of all frames: alpha in one of them is enough.
        flags |= sum(webp.FLAGS.get(kind, 0) for kind in planes)
        time = webp.three_bytes(milliseconds)
        # The frame's left and top, 3 bytes each: 0.
        place = bytes(6) + webp.canvas(size) + time + bytes((REPLACES,))
        body = b"".join(webp.chunk(*plane) for plane in planes.items())
        parts.append(webp.chunk(b"ANMF", place + body))
    head = webp.chunk(b"VP8X", webp.features(flags, size))
    control = webp.chunk(b"ANIM", struct.pack("<IH", 0, min(MAX_UINT16, plays)))
    return webp.riff([head, control, *parts])


def encode_gif(frames: Iterable[Frame], plays: int = 1, quality: int | None = None) -> bytes:
    """Encode frames as a GIF (GIF89a), each with 255 colours and full transparency or none.

    `plays` is how often the animation runs, 0 for without end. A single frame makes a still image.
    `quality` is there for the signature that all encoders share, and not used. Raises InvalidOption
    beyond 65,535 pixels a side.
    """
    parts = list[bytes]()
    screen = b""
    for frame, centiseconds in _timed(frames, unit=CENTISECOND, most=MAX_UINT16):
        refuse_longer(frame.pixels.shape, MAX_UINT16, "gif")
        height, width = frame.pixels.shape[:2]
        # 6x is the table of two colours, both black.
        screen = struct.pack("<6sHHBBB6x", b"GIF89a", width, height, TWO_COLORS, 0, 0)
        parts += GifImagePlugin.getdata(
            _with_palette(_whole(frame)),
            duration=CENTISECOND * centiseconds,
            disposal=CLEARED,
            transparency=CLEAR,
            include_color_table=True,
        )
    if plays != 1:
        # Repetitions, one less than plays; 0 of them stands for without end, as in `plays`.
        repeated = struct.pack("<BH", 1, min(MAX_UINT16, max(0, plays - 1)))
        screen += b"!\xff\x0bNETSCAPE2.0\x03" + repeated + b"\0"
    return b"".join([screen, *parts, b";"])


def _with_palette(pixels: Pixels) -> Pillow.Image:
    """Quantise pixels to a palette of their own colours, chosen by a sample of them."""
    colors = _colors(pixels)
    shown = np.ones(pixels.shape[:2], bool)
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        shown = alpha_of(pixels) >= SOLID
    palette = _palette(colors[shown])
    numbers = np.array(
        Pillow.fromarray(colors).quantize(palette=palette, dither=Pillow.Dither.NONE)
    )
    numbers[numbers == CLEAR] = 0  # of one colour
    numbers[~shown] = CLEAR
    image = Pillow.fromarray(numbers)
    image.putpalette(palette.getpalette("RGB") or b"")
    return image


def _colors(pixels: Pixels) -> Pixels:
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, np.newaxis], 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, :3])


def _palette(colors: Pixels) -> Pillow.Image:
    """Return an image whose palette holds colours (N, 3), repeated up to its end."""
    sample = (
        colors[:: max(1, len(colors) // SAMPLES)] if len(colors) else np.zeros((1, 3), np.uint8)
    )
    image = Pillow.fromarray(sample[np.newaxis]).quantize(CLEAR, kmeans=1)
    chosen = (image.getpalette("RGB") or [])[: 3 * CLEAR]
    # Filled up with its first colour, so that no pixel takes one that was not chosen.
    image.putpalette(chosen + chosen[:3] * (CLEAR + 1 - len(chosen) // 3))
    return image


def _whole(frame: Frame) -> Pixels:
    return frame.pixels.whole() if isinstance(frame.pixels, LazyCutout) else frame.pixels


def _timed(frames: Iterable[Frame], unit: int, most: int) -> Iterator[tuple[Frame, int]]:
    """Yield each frame and how long it is shown, in units of `unit` milliseconds.

    What rounding takes from one frame the next one gets, so that the whole is as long as it was.
    """
    total = 0.0
    ended = 0
    for frame in frames:
        total += frame.milliseconds / unit
        time = max(0, min(most, round(total) - ended))
        ended = round(total)
        yield frame, time
