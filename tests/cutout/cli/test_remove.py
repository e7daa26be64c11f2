"""One image: the same bytes as from the HTTP API; files are whole, and never overwritten
unasked."""

import json
import os
from pathlib import Path

import httpx2
import numpy as np
import pytest

from cutout.cli import files
from cutout.explain import explain_os_error
from tests.support.animations import TIMES, animated, play
from tests.support.command import Cutout
from tests.support.images import decoded, disc, encoded

IMAGE = encoded(disc(96, 64))
OPTIONS = {"crop": "true", "margin": "4px", "background": "#0af", "format": "webp"}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disc.png"
    path.write_bytes(IMAGE)
    return path


def test_the_server_and_this_process_and_the_api_agree(
    cutout: Cutout, server: str, image: Path
) -> None:
    words = ("--crop", "--margin", "4px", "--background", "#0af", "--format", "webp")
    local = cutout("remove", image, "-", *words)
    remote = cutout("remove", image, "-", *words, "--server", server)
    api = httpx2.post(f"{server}/cutout", files={"file": IMAGE}, data=OPTIONS)
    assert (local.code, remote.code, api.status_code) == (0, 0, 200)
    assert remote.out == api.content
    assert decoded(local.out).shape == decoded(remote.out).shape


def test_the_type_is_that_of_the_name(cutout: Cutout, image: Path, tmp_path: Path) -> None:
    starts = {"a.png": b"\x89PNG", "a.webp": b"RIFF", "a.JPG": b"\xff\xd8", "a.zip": b"PK"}
    for name, start in starts.items():
        assert cutout("remove", image, tmp_path / name).code == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    assert "set --format" in cutout("remove", image, tmp_path / "a").err


@pytest.mark.parametrize(
    ("name", "words", "start", "said"),
    [
        ("a.jpeg", "--format jpeg", b"\xff\xd8", ""),
        ("a", "--format webp", b"RIFF", ""),
        ("a.2024", "--format png", b"\x89PNG", ""),
        ("a", "--format auto", b"\x89PNG", ""),
        (
            "a.jpg",
            "--format png",
            None,
            "a.jpg: the suffix is .jpg, but --format is png; write to {folder}/a.png instead\n",
        ),
        (
            "a.PNG",
            "--format jpeg",
            None,
            "a.PNG: the suffix is .png, but --format is jpeg; write to {folder}/a.jpg instead\n",
        ),
        (
            "a.gif",
            "--format png",
            None,
            "a.gif: the suffix is .gif, but --format is png; write to {folder}/a.png instead\n",
        ),
        (
            "a.png",
            "--format auto",
            None,
            "a.png: --format auto writes a PNG or a JPEG; use a name without .png, ",
        ),
        (
            "a.bmp",
            "",
            None,
            (
                "a.bmp: unknown suffix; use one of .png, .webp, .jpg, .jpeg, .jfif, .zip, .gif, "
                "or set --format\n"
            ),
        ),
    ],
)
def test_the_name_never_tells_another_type_than_the_file_has(
    cutout: Cutout,
    image: Path,
    tmp_path: Path,
    name: str,
    words: str,
    start: bytes | None,
    said: str,
) -> None:
    done = cutout("remove", image, tmp_path / name, *words.split())
    assert (tmp_path / name).exists() is (done.code == 0) is (start is not None)
    assert done.code in (0, 2)
    assert done.err.removeprefix(f"cutout: invalid_option: {tmp_path}/").startswith(
        said.format(folder=tmp_path)
    )
    assert start is None or (tmp_path / name).read_bytes().startswith(start)


def test_what_is_no_file_is_written_into_and_links_stay_links(
    cutout: Cutout, image: Path, tmp_path: Path
) -> None:
    link, pipe = tmp_path / "link.png", tmp_path / "pipe"
    link.symlink_to("real.png")
    assert cutout("remove", image, link).code == 0
    assert link.is_symlink()
    assert (tmp_path / "real.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "loop.png").symlink_to("loop.png")
    looped = cutout("remove", image, tmp_path / "loop.png")
    assert (looped.code, looped.err) == (
        1,
        f"cutout: {tmp_path}/loop.png: too many levels of symbolic links\n",
    )
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert cutout("remove", image, pipe, "--size", "8").code == 0
        assert os.read(reader, 4) == b"\x89PNG"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_images_go_through_pipes(cutout: Cutout) -> None:
    done = cutout("remove", "-", "-", stdin=IMAGE)
    assert done.code == 0
    assert decoded(done.out)[32, 48, 3] == 255
    assert decoded(done.out)[0, 0, 3] == 0


def test_a_image_is_put_behind(cutout: Cutout, image: Path, tmp_path: Path) -> None:
    behind = tmp_path / "blue.png"
    behind.write_bytes(encoded(np.full((8, 8, 3), (0, 0, 250), np.uint8)))
    done = cutout("remove", image, "-", "--background-image", behind)
    assert decoded(done.out)[0, 0].tolist() == [0, 0, 250]


@pytest.mark.parametrize("where", ["here", "server"])
def test_a_mask_is_honoured(
    cutout: Cutout, server: str, image: Path, tmp_path: Path, where: str
) -> None:
    given = np.full((64, 96), 128, np.uint8)
    given[:, :48] = 0
    mask = tmp_path / "mask.png"
    mask.write_bytes(encoded(given))
    remote = ("--server", server) if where == "server" else ()
    alpha = decoded(cutout("remove", image, "-", "--mask", mask, *remote).out)[:, :, 3]
    assert not alpha[:, :48].any()
    assert alpha[32, 52] == 255
    mask.write_bytes(IMAGE[:50])
    assert f"{mask}: " in cutout("remove", image, "-", "--mask", mask, *remote).err


def test_nothing_is_overwritten_unless_forced(cutout: Cutout, image: Path, tmp_path: Path) -> None:
    output = tmp_path / "kept.png"
    output.write_bytes(b"mine")
    done = cutout("remove", image, output)
    assert (done.code, output.read_bytes()) == (2, b"mine")
    assert "--force" in done.err
    assert cutout("remove", image, output, "--force").code == 0
    assert output.read_bytes() != b"mine"


@pytest.mark.parametrize("where", ["here", "server"])
def test_a_failure_is_one_line_with_the_api_s_code_and_leaves_no_file(
    cutout: Cutout, server: str, tmp_path: Path, where: str
) -> None:
    output = tmp_path / "out.png"
    done = cutout(
        "remove",
        "-",
        output,
        *(("--server", server) if where == "server" else ()),
        stdin=b"no image",
    )
    assert done.code == 1
    assert done.err.startswith("cutout: unsupported_format: ")
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_paths_are_named_as_they_were_given(
    cutout: Cutout, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes(IMAGE[:50])
    refusals = {
        ("none.png", "out.png"): (1, "no such file or directory: none.png"),
        ("folder", "out.png"): (1, "folder is a directory"),
        ("disc.png", "folder"): (
            2,
            "output_refused: folder is a directory; add a file name",
        ),
        ("disc.png", "none/out.png"): (
            2,
            "output_refused: no such directory: none; create it first",
        ),
        ("empty.png", "out.png"): (
            1,
            "unsupported_format: empty.png: the file is empty (0 bytes); send an image",
        ),
        ("-", "out.png"): (
            1,
            "unsupported_format: standard input: the file is empty (0 bytes); send an image",
        ),
        ("disc.png", "out.png", "--background-image", "none.png"): (
            1,
            "no such file or directory: none.png",
        ),
        ("disc.png", "out.png", "--model", "no"): (
            2,
            "unknown_model: no model 'no'; loaded: classifier, segmenter",
        ),
    }
    for arguments, (code, said) in refusals.items():
        done = cutout("remove", *arguments)
        assert (done.code, done.err) == (code, f"cutout: {said}\n")
    done = cutout("remove", "disc.png", "out.png", "--background-image", "cut.png")
    assert done.err.startswith("cutout: undecodable_image: cut.png: ")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("CUTOUT_MODELS", "nowhere", "bundle_error"),
        ("CUTOUT_PROVIDERS", "cuda", "provider_missing"),
        ("CUTOUT_DEFAULT_MODEL", "nobody", "bundle_error"),
    ],
)
def test_a_model_that_cannot_be_had_stops_the_command_before_any_work(
    cutout: Cutout, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, code: str
) -> None:
    monkeypatch.setenv(setting, value)
    done = cutout("models")
    assert done.code == 2
    assert done.err.startswith(f"cutout: {code}: ")
    assert setting in done.err


def test_a_file_that_can_t_be_written_is_named_without_what_is_beside_it(tmp_path: Path) -> None:
    files.write(tmp_path / ("长" * 83 + "a.png"), IMAGE)  # 254 bytes: names of 255 can be
    path = tmp_path / ("long" * 63 + ".png")
    with pytest.raises(OSError, match="File name too long") as failed:
        files.write(path, IMAGE)
    assert failed.value.filename == str(path)
    assert explain_os_error(failed.value) == f"{path}: file name too long"


@pytest.mark.parametrize("where", ["here", "server"])
def test_predict_prints_the_api_s_answer(
    cutout: Cutout, server: str, image: Path, where: str
) -> None:
    done = cutout(
        "predict", image, "--subject", *(("--server", server) if where == "server" else ())
    )
    answer = json.loads(done.out)
    assert (answer["label"], answer["image"]) == ("background", {"width": 96, "height": 64})
    assert 0 < answer["subject"]["coverage"] < 0.5


@pytest.mark.parametrize("where", ["here", "server"])
def test_models_are_listed(cutout: Cutout, server: str, where: str) -> None:
    at = ("--server", server) if where == "server" else ()
    assert [line.split()[0] for line in cutout("models", *at).out.splitlines()] == [
        b"model",
        b"classifier",
        b"segmenter",
    ]
    assert b"segmenter (default)" in cutout("models", *at).out
    assert [model["name"] for model in json.loads(cutout("models", "--json", *at).out)] == [
        "classifier",
        "segmenter",
    ]


def test_the_version_is_the_package_s(cutout: Cutout, server: str) -> None:
    assert (
        cutout("--version").out.decode().strip()
        == httpx2.get(f"{server}/openapi.json").json()["info"]["version"]
    )


@pytest.mark.parametrize("command", ["remove", "predict", "batch"])
def test_a_url_is_not_fetched(command: str, cutout: Cutout, tmp_path: Path) -> None:
    outputs = () if command == "predict" else (str(tmp_path / "out.png"),)
    done = cutout(command, "https://images.example/cat.jpg", *outputs)
    assert done.code == 2
    assert "URLs are not fetched" in done.err


def test_an_animation_stays_one_where_all_frames_are_asked_for(
    cutout: Cutout, server: str, tmp_path: Path
) -> None:
    moving = tmp_path / "in.gif"
    moving.write_bytes(animated("GIF"))
    for words in ((), ("--server", server)):
        for name in ("out.gif", "out.webp", "out.png"):
            assert cutout("remove", moving, tmp_path / name, "--force", *words).code == 0
            assert len(play((tmp_path / name).read_bytes()).frames) == 1
            again = ("remove", moving, tmp_path / name, "--force", "--frames", "all", *words)
            assert cutout(*again).code == 0
            assert play((tmp_path / name).read_bytes()).times == TIMES
