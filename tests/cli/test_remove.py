"""One picture: the same bytes as from the HTTP API; files are whole, and never overwritten unasked."""

import json
from pathlib import Path

import httpx2
import numpy as np
import pytest

from tests.cli.conftest import Cutout
from tests.pictures import decoded, disc, encoded

PICTURE = encoded(disc(96, 64))
OPTIONS = {"crop": "true", "margin": "4px", "background": "#0af", "format": "webp"}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "disc.png"
    path.write_bytes(PICTURE)
    return path


def test_the_server_and_this_process_and_the_api_agree(cutout: Cutout, server: str, picture: Path) -> None:
    words = ("--crop", "--margin", "4px", "--background", "#0af", "--format", "webp")
    local = cutout("remove", picture, "-", *words)
    remote = cutout("remove", picture, "-", *words, "--server", server)
    api = httpx2.post(f"{server}/cutout", files={"file": PICTURE}, data=OPTIONS)
    assert (local.code, remote.code, api.status_code) == (0, 0, 200)
    assert remote.out == api.content
    assert decoded(local.out).shape == decoded(remote.out).shape


def test_the_type_is_that_of_the_name(cutout: Cutout, picture: Path, tmp_path: Path) -> None:
    starts = {"a.png": b"\x89PNG", "a.webp": b"RIFF", "a.JPG": b"\xff\xd8", "a.zip": b"PK"}
    for name, start in starts.items():
        assert cutout("remove", picture, tmp_path / name).code == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    assert cutout("remove", picture, tmp_path / "a.gif").code == 2
    assert cutout("remove", picture, tmp_path / "a.gif", "--format", "png").code == 0


def test_pictures_go_through_pipes(cutout: Cutout) -> None:
    done = cutout("remove", "-", "-", stdin=PICTURE)
    assert done.code == 0
    assert decoded(done.out)[32, 48, 3] == 255
    assert decoded(done.out)[0, 0, 3] == 0


def test_a_picture_is_put_behind(cutout: Cutout, picture: Path, tmp_path: Path) -> None:
    behind = tmp_path / "blue.png"
    behind.write_bytes(encoded(np.full((8, 8, 3), (0, 0, 250), np.uint8)))
    done = cutout("remove", picture, "-", "--background-image", behind)
    assert decoded(done.out)[0, 0].tolist() == [0, 0, 250]


def test_nothing_is_overwritten_unless_forced(cutout: Cutout, picture: Path, tmp_path: Path) -> None:
    output = tmp_path / "kept.png"
    output.write_bytes(b"mine")
    done = cutout("remove", picture, output)
    assert (done.code, output.read_bytes()) == (2, b"mine")
    assert "--force" in done.err
    assert cutout("remove", picture, output, "--force").code == 0
    assert output.read_bytes() != b"mine"


@pytest.mark.parametrize("where", ["here", "server"])
def test_a_failure_is_one_line_with_the_api_s_code_and_leaves_no_file(
    cutout: Cutout, server: str, tmp_path: Path, where: str
) -> None:
    output = tmp_path / "out.png"
    done = cutout("remove", "-", output, *(("--server", server) if where == "server" else ()), stdin=b"no picture")
    assert done.code == 1
    assert done.err.startswith("cutout: unsupported_format: ")
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_not_there_are_named(cutout: Cutout, tmp_path: Path) -> None:
    done = cutout("remove", tmp_path / "none.png", tmp_path / "out.png")
    assert (done.code, done.err) == (1, f"cutout: No such file or directory: {tmp_path / 'none.png'}\n")


@pytest.mark.parametrize("where", ["here", "server"])
def test_predict_prints_the_api_s_answer(cutout: Cutout, server: str, picture: Path, where: str) -> None:
    done = cutout("predict", picture, "--subject", *(("--server", server) if where == "server" else ()))
    answer = json.loads(done.out)
    assert (answer["label"], answer["image"]) == ("background", {"width": 96, "height": 64})
    assert 0 < answer["subject"]["coverage"] < 0.5


@pytest.mark.parametrize("where", ["here", "server"])
def test_models_are_listed(cutout: Cutout, server: str, where: str) -> None:
    at = ("--server", server) if where == "server" else ()
    assert b"segmenter (default)" in cutout("models", *at).out
    assert [model["name"] for model in json.loads(cutout("models", "--json", *at).out)] == ["classifier", "segmenter"]


def test_the_version_is_the_package_s(cutout: Cutout, server: str) -> None:
    assert cutout("--version").out.decode().strip() == httpx2.get(f"{server}/openapi.json").json()["info"]["version"]
