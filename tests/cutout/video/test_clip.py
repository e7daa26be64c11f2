"""What is read as a clip, and what is not."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cutout.errors import ImageTooLarge, UndecodableImage, UnsupportedFormat
from cutout.video.clip import Clip
from tests.support.clips import FRAMES, HEIGHT, RATE, WIDTH, disc_at, write_clip
from tests.support.images import disc, encoded

LIMIT = 1_000_000


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".mkv", ".gif"])
def test_frames_come_with_their_colors_and_times(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"clip{suffix}")
    with Clip.open(path, LIMIT) as clip:
        assert abs(clip.rate - RATE) <= Fraction(1, 2)  # GIF's times are hundredths of a second
        assert clip.count is not None
        assert abs(clip.count - FRAMES) <= 1
        frames = list(clip.frames())
        times = [frame.pts * clip.time_base for frame in frames]
    assert len(frames) == FRAMES
    for number, frame in enumerate(frames):
        assert np.abs(frame.pixels.image.astype(int) - disc_at(number)).mean() < 4
        assert abs(times[number] - times[0] - Fraction(number, RATE)) < Fraction(1, 50)


def test_a_clip_that_was_filmed_upright_is_upright(tmp_path: Path) -> None:
    with Clip.open(write_clip(tmp_path / "clip.mp4", turned=True), LIMIT) as clip:
        frame = next(clip.frames())
    assert frame.pixels.size == (HEIGHT, WIDTH)
    upright = np.rot90(disc_at(0), 1)
    assert np.abs(frame.pixels.image.astype(int) - upright).mean() < 4


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (Fraction(16, 11), (round(WIDTH * 16 / 11), HEIGHT)),
        (Fraction(8, 9), (WIDTH, HEIGHT * 9 // 8)),
    ],
)
def test_pixels_that_are_not_square_become_square(
    tmp_path: Path, aspect: Fraction, size: tuple[int, int]
) -> None:
    with Clip.open(write_clip(tmp_path / "clip.mp4", aspect=aspect), LIMIT) as clip:
        assert clip.pixel_aspect == aspect
        assert next(clip.frames()).pixels.size == size


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"this is no clip",
        b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        encoded(disc()),
    ],
    ids=["empty", "text", "playlist", "list", "image"],
)
def test_what_is_no_clip_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(UnsupportedFormat, match=r"clip\.mp4"), Clip.open(path, LIMIT):
        pass


def test_frames_that_are_too_large_are_refused_before_any_is_decoded(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4")
    with pytest.raises(ImageTooLarge, match="CUTOUT_MAX_PIXELS"), Clip.open(path, 1000):
        pass


def test_a_clip_whose_frames_are_gone_is_corrupt(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.webm")
    data = path.read_bytes()
    first_cluster = data.index(bytes.fromhex("1f43b675"))
    path.write_bytes(data[: first_cluster + 8])
    with pytest.raises(UndecodableImage), Clip.open(path, LIMIT) as clip:
        list(clip.frames())
