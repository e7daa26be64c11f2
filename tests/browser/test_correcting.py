"""The editor of masks: brush, zoom, undo, edges, keys and fingers."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from selenium.webdriver import ActionChains
from selenium.webdriver.common.alert import Alert
from selenium.webdriver.common.keys import Keys

from tests.support.chromium import Page
from tests.support.images import decoded, disc, encoded

CANVAS = "#editor canvas"


@pytest.fixture
def opened(page: Page, tmp_path: Path) -> Page:
    """The editor, over a bright disc on black of which the predictor sees the disc: 96 x 64."""
    return open_editor(page, tmp_path)


def open_editor(page: Page, tmp_path: Path) -> Page:
    path = tmp_path / "disc.png"
    path.write_bytes(encoded(disc(96, 64)))
    page.pick(path)
    page.until_done(1)
    page.click("#correct")
    page.until(lambda: page.element("#editor").is_displayed())
    return page


def tool(page: Page, name: str, value: str | bool) -> None:
    page.script(
        """const [name, value] = arguments;
        const control = document.querySelector("#editor form").elements[name];
        if (control.type === "checkbox") control.checked = value; else control.value = value;
        document.querySelector("#editor form").dispatchEvent(new Event("input"))""",
        name,
        value,
    )


def drag(page: Page, x: int, y: int, dx: int, dy: int) -> None:
    """Drag over the image, from a point as far from its middle."""
    chain = ActionChains(page.driver, duration=20)
    chain.move_to_element_with_offset(page.element(CANVAS), x, y)
    chain.click_and_hold().move_by_offset(dx, dy).release().perform()


def combine(page: Page, *keys: str) -> None:
    """Press keys together."""
    chain = ActionChains(page.driver)
    for key in keys:
        chain.key_down(key)
    for key in reversed(keys):
        chain.key_up(key)
    chain.perform()


def finish(page: Page) -> NDArray[np.uint8]:
    """Leave the editor, and save the cut-out: its alpha."""
    page.click("[data-do=done]")
    page.until(lambda: not page.element("#editor").is_displayed())
    page.until(lambda: page.element("#correct").is_enabled())
    page.until_shown()
    page.click("#download")
    return decoded(page.downloaded()[1])[:, :, 3]


def test_what_is_erased_and_restored_is_saved_and_nothing_is_sent_again(opened: Page) -> None:
    page = opened
    tool(page, "snap", False)
    drag(page, -10, 0, 20, 0)
    tool(page, "tool", "restore")
    tool(page, "softness", "0")
    drag(page, -150, -100, 30, 0)  # the image is shown four times as large: from (10, 7) on
    alpha = finish(page)
    assert alpha[32, 48] == 0
    assert alpha[7, 12] == 255
    assert alpha[60, 90] == 0
    assert page.uploads() == ["/cutout"]


def test_undo_and_redo_go_stroke_by_stroke(opened: Page) -> None:
    page = opened
    drag(page, 0, 0, 1, 0)
    drag(page, 100, 100, 1, 0)
    combine(page, Keys.CONTROL, "z")
    combine(page, Keys.CONTROL, "z")
    assert not page.element("[data-do=undo]").is_enabled()
    combine(page, Keys.CONTROL, Keys.SHIFT, "z")
    combine(page, Keys.CONTROL, "y")
    assert not page.element("[data-do=redo]").is_enabled()
    page.click("[data-do=undo]")
    assert finish(page)[32, 48] == 0


def test_a_correction_called_off_changes_nothing(opened: Page) -> None:
    page = opened
    drag(page, 0, 0, 1, 0)
    page.press(Keys.ESCAPE)
    Alert(page.driver).dismiss()
    assert page.element("#editor").is_displayed()
    page.press(Keys.ESCAPE)
    Alert(page.driver).accept()
    page.until(lambda: not page.element("#editor").is_displayed())
    page.click("#download")
    assert decoded(page.downloaded()[1])[32, 48, 3] == 255


def test_a_second_escape_keeps_the_correction_too(opened: Page) -> None:
    page = opened
    drag(page, 0, 0, 1, 0)
    # a browser lets a page stop the first Escape alone, until something else is pressed
    for _ in range(2):
        page.press(Keys.ESCAPE)
        Alert(page.driver).dismiss()
    page.until(lambda: page.element("#editor").is_displayed())
    assert finish(page)[32, 48] == 0


def test_undo_waits_until_a_stroke_is_drawn(opened: Page) -> None:
    page = opened
    tool(page, "snap", False)
    drag(page, 0, 0, 1, 0)
    actions = ActionChains(page.driver)
    actions.move_to_element_with_offset(page.element(CANVAS), 100, 100).click_and_hold()
    actions.move_by_offset(5, 0).perform()
    combine(page, Keys.CONTROL, "z")
    ActionChains(page.driver).release().perform()
    page.click("[data-do=undo]")
    assert page.element("[data-do=undo]").is_enabled()
    assert finish(page)[32, 48] == 0


def test_corrections_of_an_inverted_image_are_of_the_subject(page: Page, tmp_path: Path) -> None:
    page.option("invert", True)
    open_editor(page, tmp_path)
    tool(page, "snap", False)
    drag(page, -150, -100, 1, 0)
    alpha = finish(page)
    page.click("#save-trimap")
    trimap = decoded(page.downloaded()[1])
    assert (alpha[7, 10], trimap[7, 10]) == (0, 255)


def test_the_keyboard_paints(opened: Page) -> None:
    page = opened
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ENTER)
    assert page.element("[data-do=undo]").is_enabled()
    page.press("x", "]", "+", "c")
    assert page.element("[name=tool][value=restore]").is_selected()
    assert page.element("[name=brush]").get_property("value") == "60"
    assert page.element("[data-do=compare]").get_attribute("aria-pressed") == "true"
    page.press("x")
    assert finish(page)[32, 48] == 0


def test_two_fingers_zoom_and_do_not_paint(opened: Page) -> None:
    page = opened
    before = page.text("[data-do=actual]")
    box = page.script("return arguments[0].getBoundingClientRect()", page.element(CANVAS))
    x, y = box["left"] + box["width"] / 2, box["top"] + box["height"] / 2

    def touch(kind: str, *offsets: int) -> None:
        points = [{"x": x + offset, "y": y, "id": number} for number, offset in enumerate(offsets)]
        page.driver.execute_cdp_cmd(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
        )

    touch("touchStart", -20)
    touch("touchStart", -20, 20)
    touch("touchMove", -60, 60)
    touch("touchEnd")
    assert int(page.text("[data-do=actual]")[:-1].replace(",", "")) > 2 * int(before[:-1])
    assert not page.element("[data-do=undo]").is_enabled()
    page.emulate(360)
    assert page.script("return document.querySelector('#editor').scrollWidth") <= 360
    page.emulate(1440)
    touch("touchStart", 0)
    touch("touchMove", 5)
    touch("touchEnd")
    assert page.element("[data-do=undo]").is_enabled()
    assert finish(page)[32, 48] == 0


def test_corrections_go_along_when_another_model_is_asked(opened: Page) -> None:
    page = opened
    tool(page, "snap", False)
    drag(page, 0, 0, 1, 0)
    assert finish(page)[32, 48] == 0
    assert "mask=@disc-corrections.png" in page.text("#curl")
    page.option("model", "classifier")
    page.until_done(1)
    page.until_shown()
    page.click("#download")
    assert decoded(page.downloaded()[1])[32, 48, 3] == 0
    page.click("#save-trimap")
    name, data = page.downloaded()
    assert name == "disc-corrections.png"
    trimap = decoded(data)
    assert trimap.shape == (64, 96)
    assert (trimap[32, 48], trimap[2, 2]) == (0, 128)


def test_a_stroke_ends_at_the_edge_of_the_image(page: Page) -> None:
    ((inside, outside, core),) = page.module(
        """const { Mask, KEEP } = await js("editor/mask");
        const { snap } = await js("editor/snap");
        const canvas = new OffscreenCanvas(200, 200), context = canvas.getContext("2d");
        context.fillStyle = "#2040a0"; context.fillRect(0, 0, 200, 200);
        context.fillStyle = "#d08040"; context.fillRect(0, 0, 110, 200);  // an arm up to column 110
        const mask = new Mask(200, 200, new Uint8Array(200 * 200));
        mask.begin(KEEP);
        mask.draw({ x: 90, y: 60 }, { x: 90, y: 140 }, 30, 0);  // a brush that reaches column 120
        mask.end((mask, stroke) => snap(mask, stroke, canvas.transferToImageBitmap(), 30));
        return [106, 114, 90].map((column) => mask.alpha[100 * 200 + column])"""
    )
    assert core == 255
    assert inside > 240
    assert outside < 15


def test_a_click_chooses_one_of_two_subjects(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "two.png"
    path.write_bytes(encoded(np.hstack([disc(96, 96), disc(96, 96)])))
    page.pick(path)
    page.until_done(1)
    page.until_shown()
    page.click("#choose")
    left = -page.element("#points").size["width"] // 4
    chain = ActionChains(page.driver)
    chain.move_to_element_with_offset(page.element("#points"), left, 0).click().perform()
    page.until(lambda: "points=" in page.text("#curl"))
    page.until_done(1)
    page.until_shown()
    page.click("#download")
    alpha = decoded(page.downloaded()[1])[:, :, 3]
    assert (alpha[48, 48], alpha[48, 144]) == (255, 0)
    chain = ActionChains(page.driver)
    chain.move_to_element_with_offset(page.element("#points"), -left, 0).click().perform()
    # Two points have a `;` between them, at which curl would end the field.
    page.until(lambda: "; " in page.text("#curl"))
    assert "-F 'points=\"" in page.text("#curl")
    page.until_done(1)
    page.until_shown()
    page.click("#choose-all")
    page.until_done(1)
    page.until_shown()
    page.click("#download")
    assert decoded(page.downloaded()[1])[48, 144, 3] == 255


@pytest.fixture
def two(page: Page, tmp_path: Path) -> Page:
    """Two bright discs side by side, 192 x 96, about to be chosen from, on a phone."""
    path = tmp_path / "two.png"
    path.write_bytes(encoded(np.hstack([disc(96, 96), disc(96, 96)])))
    page.emulate(390)
    page.pick(path)
    page.until_done(1)
    page.until_shown()
    page.click("#choose")
    page.script("arguments[0].scrollIntoView({ block: 'center' })", page.element("#points"))
    return page


def swipe(page: Page, *shares: tuple[float, float]) -> None:
    """Put a finger on a point of the image, from 0 to 1, draw it over others, and lift it."""
    box = page.script("return arguments[0].getBoundingClientRect()", page.element("#points"))
    kinds = ["touchStart"] + ["touchMove"] * (len(shares) - 1)
    for kind, (x, y) in zip(kinds, shares, strict=True):
        at = {"x": box["left"] + x * box["width"], "y": box["top"] + y * box["height"]}
        touch = {"type": kind, "touchPoints": [at]}
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", touch)
    page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def chosen(page: Page, field: str) -> tuple[int, int]:
    """The alpha in the middle of either disc, once the field is sent."""
    page.until(lambda: field in page.text("#curl"))
    page.until_done(1)
    page.until_shown()
    page.click("#download")
    alpha = decoded(page.downloaded()[1])[:, :, 3]
    return int(alpha[48, 48]), int(alpha[48, 144])


def test_a_box_drawn_with_a_finger_chooses_what_is_in_it(two: Page) -> None:
    swipe(two, (0.98, 0.96), (0.7, 0.5), (0.52, 0.04))
    assert chosen(two, "box=") == (0, 255)
    assert len(two.elements("#points > .box:not(.draft)")) == 1


def test_a_tap_can_mean_not_this(two: Page) -> None:
    swipe(two, (0.25, 0.5))
    assert chosen(two, " +") == (255, 0)
    two.click("#choose-all")
    two.until(lambda: "points=" not in two.text("#curl"))
    two.until_done(1)
    two.until_shown()
    two.script("document.querySelectorAll('[name=choose-kind]')[1].click()")
    swipe(two, (0.25, 0.5))
    assert chosen(two, " -") == (0, 255)


def test_the_keyboard_draws_a_box(two: Page) -> None:
    two.script("arguments[0].focus()", two.element("#points"))
    two.press(*[Keys.ARROW_UP] * 23, Keys.ARROW_RIGHT, "b")
    two.press(*[Keys.ARROW_RIGHT] * 23, *[Keys.ARROW_DOWN] * 46, "b")
    assert chosen(two, "box=") == (0, 255)
