"""PyPI's `removebg`, unchanged but for its endpoint, against the service over real HTTP."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from removebg import RemoveBg, removebg  # type: ignore[import-untyped]

from tests.support.calls import SETTINGS
from tests.support.images import decoded, disc, encoded
from tests.support.live import live

IMAGE = encoded(disc(1000, 640), ".jpg")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with live(SETTINGS) as (address, _):
        yield f"{address}/v1.0/removebg"


@pytest.fixture
def remover(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RemoveBg:
    monkeypatch.setattr(removebg, "API_ENDPOINT", endpoint)
    return RemoveBg("a-key", str(tmp_path / "errors.log"))


def test_a_file_comes_back_beside_itself(remover: RemoveBg, tmp_path: Path) -> None:
    (tmp_path / "disc.jpg").write_bytes(IMAGE)
    remover.remove_background_from_img_file(str(tmp_path / "disc.jpg"))
    cutout = decoded((tmp_path / "disc.jpg_no_bg.png").read_bytes())
    assert cutout.shape == (400, 625, 4)
    assert (cutout[200, 312, 3], cutout[4, 4, 3]) == (255, 0)


def test_base64_comes_back_with_size_and_colour(remover: RemoveBg, tmp_path: Path) -> None:
    text, new = base64.b64encode(IMAGE), tmp_path / "new.png"
    remover.remove_background_from_base64_img(
        text, size="4k", new_file_name=str(new), bg_color="green"
    )
    image = decoded(new.read_bytes())
    assert image.shape == (640, 1000, 3)
    assert abs(int(image[4, 4, 1]) - 128) <= 2


def test_a_url_is_an_error_that_the_client_raises(remover: RemoveBg, tmp_path: Path) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        remover.remove_background_from_img_url(
            "http://images.example/a.png", new_file_name=str(tmp_path / "n.png")
        )
    assert caught.value.response is not None
    assert caught.value.response.status_code == 400
    assert caught.value.response.json()["errors"][0]["code"] == "failed_image_download"
    assert not (tmp_path / "n.png").exists()
