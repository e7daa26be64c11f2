"""Many images: the grid, presets, removal and its undo, the address, copies."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from tests.support.chromium import Page
from tests.support.images import decoded, disc, encoded


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Eight cyan discs on black."""
    paths = [tmp_path / f"disc{number}.png" for number in range(8)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(disc(96 + number, 64) * np.array([0, 1, 1], np.uint8)))
    return paths


def test_many_images_are_a_grid_and_saved_by_a_preset_for_shops(
    page: Page, images: list[Path]
) -> None:
    page.pick(*images)
    page.until_done(8)
    assert page.element("#grid").is_displayed()
    assert page.text("#name") == "8 images"
    page.option("shadow", "soft")
    page.click("[data-preset=shop]")
    assert page.script("return document.forms.options.elements.shadow.value") == "none"
    page.until(lambda: len(page.elements(".cell[data-result]")) == 8)
    page.click("#download-all")
    _, data = page.downloaded()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == [f"disc{number}-cutout.jpg" for number in range(8)]
        shown = decoded(archive.read("disc5-cutout.jpg"))
    assert shown.shape == (2000, 2000, 3)
    subject = np.flatnonzero(shown[1000, :, 0] < 128)  # no red in it, all around is white
    assert abs(int(subject[0]) - 200) < 40
    assert abs(int(subject[-1]) - 1800) < 40
    assert shown[20, 20].min() > 250
    page.elements(".cell .pick")[3].click()
    page.until_shown()
    assert page.element("#after").get_property("naturalWidth") == 2000
    assert page.uploads() == ["/cutout"] * 8
    assert page.text("#name") == "disc3.png"
    assert not page.element("#grid").is_displayed()


def test_a_removal_can_be_undone(page: Page, images: list[Path]) -> None:
    page.pick(*images[:3])
    page.until_done(3)
    page.elements(".tile .pick")[1].click()
    page.press(Keys.DELETE)
    assert len(page.states()) == 2
    page.click("#undo")
    assert [it.get_attribute("title") for it in page.elements(".tile .pick")] == [
        path.name for path in images[:3]
    ]
    page.until_done(3)
    page.click("#clear")
    assert page.states() == []
    assert page.text("#toast-text") == "3 images are removed."
    page.click("#undo")
    page.until_done(3)


def test_a_reload_asks_first_while_there_is_something_to_lose(
    page: Page, images: list[Path]
) -> None:
    leaves = "return dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert page.script(leaves)
    page.pick(images[0])
    page.until_done(1)
    assert not page.script(leaves)
    page.click("#download")
    page.downloaded()
    assert page.script(leaves)


def test_the_address_keeps_the_choices(page: Page, images: list[Path]) -> None:
    page.pick(images[0])
    page.until_done(1)
    choices: dict[str, str | bool] = {
        "model": "classifier",
        "background": "color",
        "color": "#bfdbfe",
        "crop": True,
        "margin": "0.2",
        "refine": False,
    }
    for name, value in choices.items():
        page.option(name, value)
    page.until_done(1)
    address, command = page.driver.current_url, page.text("#curl")
    assert "background=color" in address
    page.driver.get(address)
    page.pick(images[0])
    page.until_done(1)
    page.until(lambda: page.text("#curl") == command)
    page.option("background", "none")
    assert "background" not in page.driver.current_url


def test_the_result_is_an_image_for_the_mouse_and_the_clipboard(
    page: Page, images: list[Path]
) -> None:
    permissions = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", permissions)
    page.pick(images[0])
    page.until_done(1)
    page.until_shown()
    under_the_mouse = """const frame = document.getElementById("frame");
        const { right, top } = frame.getBoundingClientRect();
        return document.elementFromPoint(right - 20, top + 20).id"""
    page.until(lambda: page.script(under_the_mouse) == "after")
    page.click("#copy-image")
    page.until(lambda: page.text("#copy-image") == "Copied")
    ((kinds,),) = page.module(
        "return [(await navigator.clipboard.read()).flatMap((item) => item.types)]"
    )
    assert kinds == ["image/png"]


def test_a_size_that_is_none_is_said_and_not_taken(page: Page, images: list[Path]) -> None:
    page.pick(images[0])
    page.until_done(1)
    page.option("size", "other")
    page.option("custom", "0")
    assert "from 1 to 16,384" in page.text("#wrong-size")
    assert page.element("#wrong-size").is_displayed()
    page.click("#download")
    assert decoded(page.downloaded()[1]).shape == (64, 96, 4)
