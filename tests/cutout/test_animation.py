"""`frames=all`: an animation in, an animation out, with its times."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from cutout import Remover
from cutout.animation import weight
from cutout.errors import ImageTooLarge, InvalidOption, UndecodableImage
from cutout.imaging.decode import decode_frames
from cutout.imaging.decoders.animated import Animation
from cutout.imaging.encode_frames import Frame, encode_gif
from cutout.inference.registry import Registry
from cutout.options import CutoutOptions
from cutout.sources import Upload
from tests.support.animations import HEIGHT, STEP, TIMES, WIDTH, animated, moving_disc, play
from tests.support.images import disc, encoded, is_near
from tests.support.stand_ins import BrightPredictor

FORMS = ("GIF", "WEBP", "PNG")
MIDDLES = [(HEIGHT // 2, WIDTH // 2 + STEP * (number - 1)) for number in range(len(TIMES))]


@pytest.fixture(scope="module")
def remover() -> Remover:
    """Bright is foreground."""
    return Remover(Registry([BrightPredictor("segmenter")]), max_pixels=100_000, max_frames=4)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("written", FORMS)
def test_every_frame_is_cut_out_and_keeps_its_time(
    remover: Remover, form: str, written: str
) -> None:
    answer: Any = {"format": written.lower(), "frames": "all"}
    cut = remover.cut_out(animated(form, loop=2, lossless=True), **answer)
    assert Pillow.open(io.BytesIO(cut)).format == written
    played = play(cut)
    assert played.frames.shape == (3, HEIGHT, WIDTH, 4)
    assert (played.times, played.plays) == (TIMES, 3 if form == "GIF" else 2)
    for number, frame in enumerate(played.frames):
        for other, middle in enumerate(MIDDLES):
            assert frame[middle][3] == (255 if other == number else 0)
        assert frame[MIDDLES[number]][:3].min() > 240
        assert frame[0, 0, 3] == 0


def test_the_type_of_the_upload_is_that_of_the_answer_by_auto(remover: Remover) -> None:
    for form in FORMS:
        cut = remover.cut_out(animated(form), format="auto", frames="all")
        assert Pillow.open(io.BytesIO(cut)).format == form


def test_an_animation_that_is_shown_once_or_without_end_stays_so(remover: Remover) -> None:
    for written in ("gif", "webp", "png"):
        for loop, plays in ((None, 1), (0, 0)):
            answer: Any = {"format": written, "frames": "all"}
            assert play(remover.cut_out(animated("GIF", loop), **answer)).plays == plays


def test_times_between_the_units_of_a_gif_add_up(remover: Remover) -> None:
    frames, file = [Pillow.fromarray(moving_disc(number)) for number in range(3)], io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], duration=33)
    assert play(remover.cut_out(file.getvalue(), format="gif", frames="all")).times == [30, 40, 30]


def test_the_first_frame_is_what_a_still_shows() -> None:
    for form in FORMS:
        upload = Upload.read(animated(form), 10**6)
        frames = decode_frames(Animation(upload.data, upload.header), upload.header)
        assert is_near(next(frames)[0].image, upload.decode().image, 2)


def test_an_image_before_the_frames_of_a_png_is_none_of_them(remover: Remover) -> None:
    data = animated("PNG", default_image=True)
    file = Pillow.open(io.BytesIO(remover.cut_out(data, frames="all")))
    assert getattr(file, "n_frames", 1) == 2


def test_a_background_and_a_size_are_those_of_every_frame(remover: Remover) -> None:
    behind = encoded(np.full((200, 300, 3), (0, 0, 250), np.uint8))
    cut = remover.cut_out(
        animated("GIF"), background_image=behind, frames="all", size=48, threshold=0.5
    )
    played = play(cut)
    assert played.frames.shape == (3, HEIGHT // 2, WIDTH // 2, 4)
    for number, frame in enumerate(played.frames):
        row, column = MIDDLES[number]
        assert frame[0, 0].tolist() == [0, 0, 250, 255]
        assert frame[row // 2, column // 2].min() > 240


def test_the_alpha_alone_moves_too(remover: Remover) -> None:
    for written in ("gif", "webp", "png"):
        answer: Any = {"format": written, "frames": "all", "channels": "alpha"}
        frames = play(remover.cut_out(animated("PNG"), **answer)).frames
        for number, frame in enumerate(frames):
            assert frame[MIDDLES[number]].min() > 240
            assert frame[0, 0].tolist() == [0, 0, 0, 255]


def test_of_an_avif_the_first_frame_alone_is_cut_out(remover: Remover) -> None:
    cut = remover.cut_out(animated("AVIF", loop=None), format="png", frames="all")
    assert getattr(Pillow.open(io.BytesIO(cut)), "n_frames", 1) == 1


def test_an_image_of_one_frame_is_an_image(remover: Remover) -> None:
    still = encoded(disc(WIDTH, HEIGHT))
    assert remover.cut_out(still, frames="all") == remover.cut_out(still)
    gif = Pillow.open(io.BytesIO(remover.cut_out(still, format="gif", threshold=0.5)))
    assert (gif.format, getattr(gif, "n_frames", 1)) == ("GIF", 1)
    shown = np.asarray(gif.convert("RGBA"))
    assert shown[HEIGHT // 2, WIDTH // 2].tolist() == [255] * 4
    assert shown[0, 0, 3] == 0


def test_a_background_that_is_transparent_itself_is_as_behind_an_image(remover: Remover) -> None:
    behind = np.zeros((200, 300, 4), np.uint8)
    behind[45:151, 77:201, 3] = 255
    behind[..., :3][behind[..., 3] == 0] = 255  # hidden white, which must not come out at edges
    asked: Any = {"background": "black", "background_image": behind, "format": "png"}
    dark = [np.zeros((HEIGHT, WIDTH, 3), np.uint8)] * 2
    file = io.BytesIO()
    frames = [Pillow.fromarray(frame) for frame in dark]
    frames[0].putpixel((0, 0), (9, 9, 9))
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:], duration=100)
    assert play(remover.cut_out(file.getvalue(), frames="all", **asked)).frames[..., :3].max() < 12


def test_a_gif_longer_than_its_format_allows_is_refused() -> None:
    long = np.full((65_536, 2, 3), 255, np.uint8)
    with pytest.raises(InvalidOption, match="gif holds at most 65535 pixels a side"):
        encode_gif([Frame(long, 0)])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"format": "jpeg"}, "jpeg holds one image"),
        ({"format": "zip"}, "zip holds one image"),
        ({"crop": True}, "crop applies to one image only"),
        ({"points": "50% 50%"}, "points applies"),
        ({"mask": np.zeros((HEIGHT, WIDTH), np.uint8)}, "mask applies"),
    ],
)
def test_what_holds_for_one_image_alone_is_refused(
    remover: Remover, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidOption, match=told):
        remover.cut_out(animated("GIF"), frames="all", **options)


def test_more_frames_or_pixels_than_allowed_are_refused_before_they_are_decoded(
    remover: Remover,
) -> None:
    data = animated("PNG")
    count = data.index(b"acTL") + 4
    for frames, told in ((5, "5 frames; the limit is 4"), (2**31, "CUTOUT_MAX_FRAMES")):
        many = data[:count] + struct.pack(">I", frames) + data[count + 4 :]
        with pytest.raises(ImageTooLarge, match=told):
            remover.cut_out(many, frames="all")
    smaller = Remover(Registry([BrightPredictor()]), max_pixels=2 * WIDTH * HEIGHT)
    with pytest.raises(ImageTooLarge, match=f"3 frames of 96 x 64 = {3 * 96 * 64} pixels; the li"):
        smaller.cut_out(data, frames="all")
    assert smaller.cut_out(data)


def test_frames_that_are_broken_or_missing_are_named(remover: Remover) -> None:
    for form in FORMS:
        data = animated(form)
        with pytest.raises(UndecodableImage, match=r"frame [23] of [23]|animation"):
            remover.cut_out(data[: len(data) * 3 // 4], frames="all")


def test_a_frame_beyond_the_screen_of_a_gif_is_refused(remover: Remover) -> None:
    data = animated("GIF")
    last = data.rindex(b"\x00,")
    far = data[: last + 6] + struct.pack("<HH", 60_000, 60_000) + data[last + 10 :]
    with pytest.raises(UndecodableImage, match="beyond its screen"):
        remover.cut_out(far, frames="all")


@pytest.mark.parametrize(
    ("options", "pixels"),
    [
        ({}, 96 * 64),
        ({"crop": True}, 96 * 64),
        ({"margin": "100px"}, 96 * 64),
        ({"crop": True, "margin": "100px"}, 296 * 264),
        ({"crop": True, "margin": "500px"}, 10**6),
        ({"canvas": "300x200", "margin": "5px"}, 300 * 200),
    ],
)
def test_a_small_upload_counts_as_the_largest_result_it_may_have(
    options: dict[str, Any], pixels: int
) -> None:
    upload = Upload.read(encoded(disc(96, 64)), max_pixels=10**6)
    assert weight(upload, CutoutOptions.model_validate(options)) == pixels
