"""`cutout video` from a file to a file, with the real encoders."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.batches import AWAKE
from tests.support.command import Cutout
from tests.support.images import decoded, encoded
from tests.support.service import PATIENCE, eventually

pytest.importorskip("av")

from tests.support.clips import (
    FRAMES,
    HEIGHT,
    RATE,
    WIDTH,
    disc_at,
    play,
    sound_packets,
    write_clip,
)

INSIDE, OUTSIDE = (32, 30), (4, 90)  # of the first frame
RED = [255, 0, 0]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "in.mp4", sound="aac")


@pytest.mark.parametrize("name", ["out.webm", "out.MOV"])
def test_a_clip_becomes_one_with_transparency(
    cutout: Cutout, clip: Path, tmp_path: Path, name: str
) -> None:
    done = cutout("video", clip, tmp_path / name)
    assert (done.code, done.err.startswith(f"{FRAMES} frames in ")) == (0, True)
    played = play(tmp_path / name)
    assert played.frames.shape == (FRAMES, HEIGHT, WIDTH, 4)
    for number, frame in enumerate(played.frames):
        inside = disc_at(number)[:, :, 0]
        assert np.abs(frame[:, :, 3].astype(int) - inside).mean() < 8
    assert played.frames[0][INSIDE].min() > 240
    # what is beside an edge has the subject's colours, so that no codec mixes black into it
    edge = played.frames[0][INSIDE[0], 10:14]
    assert edge[edge[:, 3] < 20, :3].min() > 200
    assert [round(float(time) * RATE) for time in played.times] == list(range(FRAMES))


def test_a_damaged_sound_costs_only_itself(cutout: Cutout, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "in.mp4"
    data = bytearray(clip.read_bytes())
    for place in sound_packets(clip)[3:5]:
        data[place] = b"\xff" * (place.stop - place.start)
    broken.write_bytes(data)
    done = cutout("video", broken, tmp_path / "out.webm")
    assert done.code == 0
    played = play(tmp_path / "out.webm")
    assert len(played.frames) == FRAMES
    assert 0.5 < played.sound_seconds < 1


def test_sound_of_a_codec_that_nobody_knows_is_left_out(
    cutout: Cutout, clip: Path, tmp_path: Path
) -> None:
    unknown = tmp_path / "in.mp4"
    data = clip.read_bytes().replace(b"mp4a", b"apac").replace(b"esds", b"xsds")
    unknown.write_bytes(data)
    assert cutout("video", unknown, tmp_path / "out.webm").code == 0
    assert play(tmp_path / "out.webm").sound is None


def test_a_shorter_clip_leaves_no_frames_of_a_longer_one(cutout: Cutout, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    for count in (4, 2):
        clip = write_clip(tmp_path / f"{count}.mp4", frames=count)
        assert cutout("video", clip, frames, "--force").code == 0
    assert sorted(path.name for path in frames.iterdir()) == ["000001.png", "000002.png"]


def test_images_of_the_user_beside_the_frames_stay(cutout: Cutout, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "20240512.png").write_bytes(b"mine")
    clip = write_clip(tmp_path / "12:30.mp4", frames=2)
    assert cutout("video", clip, frames, "--force").code == 0
    assert (frames / "20240512.png").read_bytes() == b"mine"


def test_a_name_with_a_colon_is_no_protocol(
    cutout: Cutout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "12:30.mp4", frames=2)
    assert cutout("video", "12:30.mp4", "12:31.webm").code == 0
    assert len(play(tmp_path / "12:31.webm").frames) == 2


def test_one_on_a_color_is_opaque(cutout: Cutout, clip: Path, tmp_path: Path) -> None:
    done = cutout("video", clip, tmp_path / "out.mp4", "--background", "#f00", "--quiet")
    assert (done.code, done.err) == (0, "")
    first = play(tmp_path / "out.mp4").frames[0]
    assert np.abs(first[INSIDE][:3].astype(int) - 255).max() < 12
    assert np.abs(first[OUTSIDE][:3].astype(int) - RED).max() < 12


def test_what_dresses_an_image_dresses_a_clip(cutout: Cutout, clip: Path, tmp_path: Path) -> None:
    done = cutout("video", clip, tmp_path / "out.webm", "--invert", "--outline", "3px red")
    assert done.code == 0
    first = play(tmp_path / "out.webm").frames[0]
    assert (first[INSIDE][3], first[OUTSIDE][3]) == (0, 255)
    done = cutout("video", clip, tmp_path / "out.mp4", "--background", "blur:5")
    assert done.code == 0
    assert play(tmp_path / "out.mp4").frames[0][OUTSIDE][:3].max() < 12


def test_one_on_an_image_shows_it(cutout: Cutout, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(encoded(np.full((9, 9, 3), RED, np.uint8)))
    done = cutout("video", clip, tmp_path / "out.mp4", "--background-image", tmp_path / "red.png")
    assert done.code == 0
    first = play(tmp_path / "out.mp4").frames[0]
    assert np.abs(first[OUTSIDE][:3].astype(int) - RED).max() < 12


def test_a_folder_gets_numbered_images(cutout: Cutout, clip: Path, tmp_path: Path) -> None:
    assert cutout("video", clip, tmp_path / "frames", "--size", "48").code == 0
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == [f"{number:06}.png" for number in range(1, FRAMES + 1)]
    assert decoded((tmp_path / "frames" / names[0]).read_bytes()).shape == (32, 48, 4)
    again = cutout("video", clip, tmp_path / "frames")
    assert (again.code, "--force" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("given", "suffix", "kept"),
    [
        ("aac", ".mp4", "aac"),
        ("aac", ".mov", "aac"),
        ("aac", ".webm", "opus"),
        ("libopus", ".webm", "opus"),
    ],
)
def test_sound_is_kept(cutout: Cutout, tmp_path: Path, given: str, suffix: str, kept: str) -> None:
    source = write_clip(tmp_path / ("in.webm" if given == "libopus" else "in.mp4"), sound=given)
    target = tmp_path / f"out{suffix}"
    assert cutout("video", source, target, "--background", "white").code == 0
    played = play(target)
    assert played.sound == kept
    assert abs(played.sound_seconds - FRAMES / RATE) < 0.1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["out.mp4"], "MP4 has no transparency"),
        (["out.mp4", "--background", "transparent"], "MP4 has no transparency"),
        (["-"], "not through a pipe"),
        (["out.avi"], ".webm, .mov or .mp4"),
        (["no/out.webm"], "no such directory"),
        (["there.webm"], "--force"),
        (["in.mp4", "--background", "#fff"], "the same file"),
        (["out.webm", "--model", "nobody"], "nobody"),
    ],
)
def test_what_can_not_be_written_is_refused_before_any_work(
    cutout: Cutout,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.mp4").write_bytes(clip.read_bytes())
    Path("there.webm").touch()
    done = cutout("video", "in.mp4", *arguments)
    assert done.code == 2
    assert words in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "there.webm"]


def test_what_is_no_clip_is_refused_in_a_line(cutout: Cutout, tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"no clip")
    done = cutout("video", tmp_path / "in.mp4", tmp_path / "out.webm")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "unsupported_format" in done.err


@pytest.mark.slow
def test_ctrl_c_leaves_no_half_written_file(bundles: Path, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", frames=2000)
    command = [sys.executable, "-c", AWAKE + "from cutout.cli.main import main; main()"]
    process = subprocess.Popen(
        [*command, "video", str(source), str(tmp_path / "out.webm")],
        env={**os.environ, "CUTOUT_MODELS": str(bundles)},
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: any(path.name.startswith(".") for path in tmp_path.iterdir()))
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE)
    assert (process.returncode, told) == (130, "interrupted; nothing is kept\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]
