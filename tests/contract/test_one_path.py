"""Both layers translate and nothing else: what they answer is what the native route answers, to the
pixel."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.support.images import alike, disc, encoded

DISC = encoded(disc(900, 600))


def native(client: TestClient, path: str = "/cutout", **options: str) -> bytes:
    answer = client.post(path, files={"file": DISC}, data=options)
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.parametrize(
    ("parameters", "path", "options"),
    [
        ({}, "/cutout", {}),
        ({"om": "1"}, "/mask", {}),
        (
            {"ppm": "1", "bgc": "0,0,255,128"},
            "/cutout",
            {"threshold": "0.5", "background": "#0000ff80"},
        ),
        ({"model": "classifier"}, "/cutout", {"model": "classifier"}),
    ],
)
def test_rembg(
    client: TestClient, parameters: dict[str, str], path: str, options: dict[str, str]
) -> None:
    answer = client.post("/api/remove", files={"file": DISC}, data=parameters)
    assert alike(answer.content, native(client, path, **options))


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {"megapixels": "0.25", "format": "auto"}),
        ({"size": "full", "format": "png"}, {"megapixels": "10"}),
        (
            {"size": "auto", "format": "jpg", "bg_color": "teal"},
            {"format": "jpeg", "background": "teal"},
        ),
        (
            {"size": "hd", "roi": "0 0 50% 100%", "crop": "1", "crop_margin": "5%,9px"},
            {"roi": "0 0 50% 100%", "crop": "1", "margin": "5% 9px"},
        ),
        ({"size": "hd", "scale": "50%", "position": "10%"}, {"scale": "0.5", "position": "10%"}),
        ({"size": "hd", "channels": "alpha"}, {"channels": "alpha"}),
        ({"size": "hd", "add_shadow": "1"}, {"shadow": "soft"}),
        ({"size": "hd", "add_shadow": "1", "type": "car"}, {"shadow": "contact"}),
        ({"size": "hd", "shadow_type": "3D"}, {"shadow": "contact"}),
    ],
)
def test_remove_bg(client: TestClient, fields: dict[str, str], options: dict[str, str]) -> None:
    answer: Any = client.post("/v1.0/removebg", files={"image_file": DISC}, data=fields)
    assert alike(answer.content, native(client, **options))
