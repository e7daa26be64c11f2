"""What the page composes itself: one upload an image, and the pixels that the server would have
sent."""

from base64 import b64decode, b64encode
from pathlib import Path

import cv2
import httpx2
import numpy as np
import pytest
from numpy.typing import NDArray

from cutout.imaging.effects import outlined, with_soft_shadow
from cutout.imaging.subject import bounding_box
from tests.support.chromium import Page
from tests.support.images import decoded, encoded, is_near
from tests.support.paths import ROOT

CAT = ROOT / "tests" / "data" / "photographs" / "cat.jpg"


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """A cat before the dark: with a predictor for which bright is foreground, soft nearly
    everywhere."""
    image = decoded(CAT.read_bytes())
    height, width = image.shape[:2]
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = np.clip(1.6 - 2.2 * np.hypot(down, across), 0, 1)[:, :, None]
    path = tmp_path / "cat.jpg"
    path.write_bytes(encoded((image * light).astype(np.uint8), ".jpg"))
    return path


@pytest.fixture
def backdrop(tmp_path: Path) -> Path:
    """Stripes that are see-through on one side, (90, 200, 4)."""
    pixels = np.zeros((90, 200, 4), np.uint8)
    pixels[::3, :, :3] = 40, 90, 230
    pixels[:, :, 3] = np.linspace(0, 255, 200)
    path = tmp_path / "stripes.png"
    path.write_bytes(encoded(pixels))
    return path


def saved(page: Page) -> NDArray[np.uint8]:
    page.click("#download")
    return decoded(page.downloaded()[1])


CASES: list[tuple[dict[str, str | bool], dict[str, str]]] = [
    ({}, {}),
    ({"background": "color", "color": "#3060f0"}, {"background": "#3060f0"}),
    ({"crop": True, "margin": "0.07"}, {"crop": "true", "margin": "0.07"}),
    (
        {"crop": True, "size": "other", "custom": "100"},
        {"crop": "true", "size": "100"},
    ),
    ({"background": "blur", "blur": "9"}, {"background": "blur:9"}),
    ({"background": "blur", "blur": "40", "crop": True}, {"background": "blur:40", "crop": "true"}),
    ({"shadow": "soft"}, {"shadow": "soft"}),
    (
        {"shadow": "contact", "background": "color", "crop": True, "margin": "0.1"},
        {"shadow": "contact", "background": "#ffffff", "crop": "true", "margin": "0.1"},
    ),
    (
        {"outline": True, "outline-width": "9", "outline-color": "#ff8800", "shadow": "soft"},
        {"outline": "9px #ff8800", "shadow": "soft"},
    ),
    (
        {"outline": True, "outline-width": "7", "outline-color": "#ff8800", "crop": True},
        {"outline": "7px #ff8800", "crop": "true"},
    ),
    (
        {"outline": True, "crop": True, "size": "other", "custom": "120", "shadow": "soft"},
        {"outline": "12px #ffffff", "crop": "true", "size": "120", "shadow": "soft"},
    ),
    (
        {"crop": True, "margin": "0.1", "size": "800x800", "background": "color"},
        {"crop": "true", "margin": "10%", "canvas": "800x800", "background": "#ffffff"},
    ),
    (
        {"margin": "0.05", "size": "800x800", "background": "blur", "blur": "9"},
        {"margin": "5%", "canvas": "800x800", "background": "blur:9"},
    ),
    (
        {"crop": True, "size": "800x800", "outline": True, "background": "color"},
        {"crop": "true", "canvas": "800x800", "outline": "12px #ffffff", "background": "#ffffff"},
    ),
    (
        {"crop": True, "margin": "0.2", "result": "mask"},
        {"crop": "true", "margin": "0.2", "channels": "alpha"},
    ),
]


@pytest.mark.parametrize(("options", "fields"), CASES)
def test_the_page_composes_what_the_server_would(
    page: Page, photograph: Path, options: dict[str, str | bool], fields: dict[str, str]
) -> None:
    page.pick(photograph)
    page.until_done(1)
    for name, value in options.items():
        page.option(name, value)
    answer = httpx2.post(f"{page.url}cutout", files={"file": photograph.read_bytes()}, data=fields)
    assert is_near(saved(page), decoded(answer.content), 1)
    assert page.uploads() == ["/cutout"]


def test_an_outline_and_a_shadow_are_the_server_s_to_the_bit(page: Page) -> None:
    """Where little is seen of a cut-out, one level of alpha is many of colour."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (200, 300, 4), np.uint8)
    bumps = cv2.resize(rng.random((7, 9), np.float32), (300, 200), interpolation=cv2.INTER_CUBIC)
    pixels[:, :, 3] = np.clip(900 * (bumps - 0.4), 0, 255)
    color = np.array([255, 136, 0, 255], np.uint8)
    ((made,),) = page.module(
        """const { outlined, shadowed } = await js("studio/under");
        const data = Uint8ClampedArray.from(atob(given[0]), (c) => c.charCodeAt());
        const image = { width: 300, height: 200, channels: 4, data };
        const result = shadowed(outlined(image, 9, [255, 136, 0]), "soft");
        let bytes = "";
        for (const byte of result.data) bytes += String.fromCharCode(byte);
        return [btoa(bytes)]""",
        b64encode(pixels.tobytes()).decode(),
    )
    expected = with_soft_shadow(outlined(pixels, 9, color))
    assert np.array_equal(np.frombuffer(b64decode(made), np.uint8), expected.ravel())


def test_the_subject_s_box_is_the_server_s(page: Page) -> None:
    """Blobs, specks and lines thinner than a cell, of three pixels here."""
    rng = np.random.default_rng(0)
    for share in (0.5, 0.8, 0.95):
        alpha = np.full((700, 1000), 20, np.uint8)
        noise = cv2.resize(rng.random((20, 30), np.float32), (600, 400))
        alpha[150:550, 200:800][noise > share] = 255
        alpha[rng.integers(0, 700, 4), rng.integers(0, 1000, 4)] = 255
        alpha[400, rng.integers(0, 500) : rng.integers(500, 1000)] = 200
        pixels = np.dstack([alpha] * 4)
        (found,) = page.module(
            """const { subjectBox } = await js("studio/subject");
            const data = Uint8ClampedArray.from(atob(given[0]), (c) => c.charCodeAt());
            const box = subjectBox({ width: 1000, height: 700, data });
            return [box.left, box.top, box.width, box.height]""",
            b64encode(pixels.tobytes()).decode(),
        )
        box = bounding_box(alpha)
        assert box is not None
        assert found == [box.left, box.top, box.width, box.height]


def test_an_image_behind_is_scaled_and_cut_as_the_server_does(
    page: Page, photograph: Path, backdrop: Path
) -> None:
    page.pick(photograph)
    page.until_done(1)
    page.option("background", "image")
    page.pick(backdrop, selector="[name=image]")
    page.until(lambda: "background_image" in page.text("#curl"))
    answer = httpx2.post(
        f"{page.url}cutout",
        files={"file": photograph.read_bytes(), "background_image": backdrop.read_bytes()},
    )
    assert is_near(saved(page), decoded(answer.content), 1)
    assert page.uploads() == ["/cutout"]
