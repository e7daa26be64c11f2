"""Animations for tests, written and read by Pillow."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from tests.support.images import disc

WIDTH, HEIGHT = 96, 64
TIMES = [40, 120, 1000]
"""Milliseconds of each frame."""
STEP = 20
"""Pixels by which the disc is further to the right in each frame."""


@dataclass(frozen=True)
class Played:
    """What a player makes of a file: frames (N, H, W, 4), milliseconds of each, times in all."""

    frames: NDArray[np.uint8]
    times: list[int]
    plays: int


def moving_disc(number: int) -> NDArray[np.uint8]:
    """The frame of that number, (H, W, 3)."""
    return np.roll(disc(WIDTH, HEIGHT), STEP * number - STEP, axis=1)


def animated(form: str, loop: int | None = 0, **options: Any) -> bytes:
    """A disc that moves in three frames, as GIF, WEBP or PNG."""
    frames = [Pillow.fromarray(moving_disc(number)) for number in range(len(TIMES))]
    options |= {} if loop is None else {"loop": loop}
    file = io.BytesIO()
    frames[0].save(file, form, save_all=True, append_images=frames[1:], duration=TIMES, **options)
    return file.getvalue()


def play(data: bytes) -> Played:
    """Read an animation."""
    file, frames, times = Pillow.open(io.BytesIO(data)), [], []
    for number in range(getattr(file, "n_frames", 1)):
        file.seek(number)
        frames.append(np.asarray(file.convert("RGBA")))
        times.append(round(file.info.get("duration", 0)))
    loop = file.info.get("loop")
    plays = 1 if loop is None else loop + 1 if file.format == "GIF" and loop else loop
    return Played(np.stack(frames), times, plays)
