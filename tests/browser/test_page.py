"""The page in a real browser, with predictors for which bright is foreground."""

import io
import re
import subprocess
import zipfile
from base64 import b64encode
from contextlib import ExitStack
from pathlib import Path

import httpx2
import numpy as np
import pytest
from fastapi import FastAPI
from selenium.webdriver.common.keys import Keys

from app.settings import Settings
from tests.support.chromium import Page
from tests.support.images import decoded, disc, encoded
from tests.support.live import live

PASTE_OR_DROP = """
const [kind, name, base64] = arguments;
const transfer = new DataTransfer();
const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt());
transfer.items.add(new File([bytes], name, {type: "image/png"}));
document.dispatchEvent(kind === "paste"
  ? new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true, cancelable: true})
  : new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disc.png"
    path.write_bytes(encoded(disc(96, 64)))
    return path


def test_first_load_is_small_and_all_from_here(page: Page) -> None:
    page.driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    page.open()
    loaded = page.script(
        """return ["navigation", "resource"]
        .flatMap((type) => performance.getEntriesByType(type))
        .map((entry) => [entry.name, entry.transferSize])"""
    )
    assert all(name.startswith((page.url, "data:")) for name, _ in loaded)
    scripts = {name.rpartition("/")[2] for name, _ in loaded if "/js/" in name}
    named = page.elements("script[src], link[rel=modulepreload]")
    at_once = {(it.get_attribute("src") or it.get_attribute("href") or "") for it in named}
    # None waits until another has come and says that it is needed, but the reader's language.
    assert scripts - {name.rpartition("/")[2] for name in at_once} == {"en.js"}
    assert sum(size for _, size in loaded) < 60_000


def test_several_images_are_cut_out_and_saved_together(
    page: Page, image: Path, tmp_path: Path
) -> None:
    twin = tmp_path / "twin" / image.name
    twin.parent.mkdir()
    twin.write_bytes(encoded(255 - disc(40, 40)))
    page.pick(image, twin)
    page.until_done(2)
    page.click("#download")
    name, data = page.downloaded()
    assert name == "disc-cutout.png"
    cutout = decoded(data)
    assert cutout.shape == (64, 96, 4)
    assert cutout[32, 48, 3] == 255
    assert cutout[2, 2, 3] == 0
    page.click("#download-all")
    name, data = page.downloaded()
    assert name == "cutouts.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["disc-cutout.png", "disc-cutout (2).png"]
        assert decoded(archive.read("disc-cutout (2).png")).shape == (40, 40, 4)


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_images_come_in_by_paste_and_by_drop(page: Page, image: Path, kind: str) -> None:
    page.script(PASTE_OR_DROP, kind, "held.png", b64encode(image.read_bytes()).decode())
    page.until_done(1)
    assert page.text("#name") == "held.png"
    assert page.element("#after").get_property("naturalWidth") == 96


def test_the_example_needs_no_image_of_one_s_own(page: Page) -> None:
    page.click("#example")
    page.until_done(1)
    assert page.element("#original").get_property("naturalWidth")


def test_curl_does_what_the_page_does(page: Page, tmp_path: Path) -> None:
    upload = tmp_path / """-it's; a "disc", 50%.png"""
    upload.write_bytes(encoded(disc(96, 64)))
    behind = tmp_path / "be;hind.png"
    behind.write_bytes(encoded(np.full((10, 10, 3), (0, 0, 250), np.uint8)))
    page.pick(upload)
    page.until_done(1)
    options: dict[str, str | bool] = {
        "model": "classifier",
        "background": "image",
        "crop": True,
        "margin": "0.1",
        "size": "other",
        "custom": "30",
        "format": "webp",
        "refine": False,
        "hard": True,
        "threshold": "0.25",
    }
    for name, value in options.items():
        page.option(name, value)
    page.pick(behind, selector="[name=image]")
    page.until(lambda: "background_image" in page.text("#curl"))
    page.until_done(1)
    page.click("#download")
    _, saved = page.downloaded()
    subprocess.run(
        ["sh", "-c", page.text("#curl").replace("curl", "curl --silent", 1)],
        cwd=tmp_path,
        check=True,
    )
    (made,) = tmp_path.glob("*.webp")
    assert max(decoded(saved).shape) == 30
    assert decoded(saved)[0, 0].tolist()[2] > 200
    by_curl = decoded(made.read_bytes())
    assert by_curl.shape == decoded(saved).shape
    difference = np.abs(decoded(saved).astype(int) - by_curl)
    assert difference.mean() < 3  # of two encoders, which differ most at hard edges


def test_a_mask_is_a_grey_image(page: Page, image: Path) -> None:
    page.option("result", "mask")
    page.pick(image)
    page.until_done(1)
    page.click("#download")
    name, data = page.downloaded()
    assert name == "disc-mask.png"
    assert decoded(data).shape == (64, 96)
    assert not page.element("[name=format]").is_displayed()


def test_the_slider_moves_by_keyboard_and_says_where_it_is(page: Page, image: Path) -> None:
    page.pick(image)
    page.until_done(1)
    slider = page.element("#slider")
    assert slider.aria_role == "slider"
    slider.send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    assert slider.get_attribute("aria-valuetext") == "1% original"
    slider.send_keys(Keys.END)
    assert slider.get_attribute("aria-valuetext") == "100% original"
    assert (
        page.script("return document.getElementById('frame').style.getPropertyValue('--cut')")
        == "100%"
    )


def test_a_crop_shows_the_same_place_before_and_after(page: Page, image: Path) -> None:
    page.pick(image)
    page.option("crop", True)
    page.option("margin", "0.25")
    page.until_done(1)
    page.until_shown()
    before, after, whole = (
        page.script("return arguments[0].getBoundingClientRect()", page.element(place))
        for place in ("#original", "#after", "#frame")
    )
    assert abs(after["width"] - whole["width"]) < 1
    answer = httpx2.post(
        f"{page.url}cutout",
        files={"file": image.read_bytes()},
        data={"crop": "true", "margin": "0.25"},
    )
    left, top, width, height = map(int, answer.headers["x-crop-box"].split(","))
    assert abs(before["width"] - whole["width"] * 96 / width) < 1
    assert abs(before["height"] - whole["height"] * 64 / height) < 1
    assert abs(whole["left"] - before["left"] - whole["width"] * left / width) < 1
    assert abs(whole["top"] - before["top"] - whole["height"] * top / height) < 1


def test_problems_are_told_in_words_one_by_one(page: Page, image: Path, tmp_path: Path) -> None:
    page.expects_problems = True
    note, broken, huge = tmp_path / "note.png", tmp_path / "broken.png", tmp_path / "huge.png"
    note.write_text("not an image")
    broken.write_bytes(image.read_bytes()[:120])
    huge.write_bytes(np.random.default_rng(0).bytes(500_000))
    empty = tmp_path / "empty.png"
    empty.touch()
    page.pick(note, broken, huge, image)
    page.until(lambda: page.states() == ["failed", "failed", "failed", "done"])
    assert "not an image that the server can read" in page.text("#why")
    assert page.text("#detail") == ""  # the server's sentence would say the same again
    assert not page.element("#download-all").is_displayed()
    assert page.elements(".tile .pick")[0].accessible_name == "note.png: Failed"
    page.elements(".tile .pick")[1].click()
    assert "damaged or incomplete" in page.text("#why")
    page.elements(".tile .pick")[2].click()
    assert "larger than this server takes" in page.text("#why")
    assert not page.element("#download").is_enabled()
    assert "400000" in page.text("#detail")
    page.element("#away").click()
    assert len(page.states()) == 3
    page.elements(".tile .pick")[0].click()
    page.pick(empty, selector="#more")
    page.until(lambda: page.states()[-1] == "failed")
    assert (
        page.text("#name") == "empty.png"
    )  # who looks at a failure looks on to what comes after it
    assert page.text("#why") == "The file is empty."


def test_a_busy_server_is_asked_again_when_it_says(
    page: Page, image: Path, service: tuple[str, FastAPI]
) -> None:
    page.expects_problems = True
    workers = service[1].state.services.workers
    page.until(
        lambda: workers.permits.taken == 0
    )  # the page before this one may have asked for something
    with ExitStack() as taken:
        for _ in range(workers.permits.total):
            taken.enter_context(workers.permits.hold())
        page.pick(image)
        page.until(lambda: page.states() == ["busy"])
        assert "busy" in page.text("#live")
    page.until_done(1)


def test_the_classifier_s_verdict_and_map_are_shown(page: Page, image: Path) -> None:
    page.pick(image)
    page.until_done(1)
    page.click("#ask")
    page.until(lambda: page.element("#enlarge").is_displayed())
    bright = np.mean(disc(96, 64)[:, :, 1]) / 255
    assert page.text("#verdict") == "The image as a whole: background"
    assert page.element("#meter").get_attribute("aria-valuenow") == str(round(100 * bright))
    page.click("#enlarge")
    assert page.element("#map").is_displayed()
    row = page.script(
        "const context = document.getElementById('map').getContext('2d');"
        "return [...context.getImageData(0, 32, 96, 1).data]"
    )
    middle, corner = row[4 * 48 :], row
    assert middle[0] > 200 > middle[2]  # yellow
    assert corner[2] > corner[1]  # violet


def test_a_reader_without_a_mouse_gets_everywhere(page: Page, image: Path) -> None:
    page.pick(image, image)
    page.until_done(2)
    assert page.script("return document.activeElement.id") == "name"
    page.click("#ask")
    page.until(lambda: page.element("#enlarge").is_displayed())
    page.click(".cutting summary")
    page.script("document.getElementById('name').focus()")
    controls = [
        item
        for item in page.elements("a, button, input, select, textarea, [tabindex='0']")
        if item.is_displayed()
    ]
    assert [item.get_attribute("outerHTML") for item in controls if not item.accessible_name] == []
    reached = set()
    for _ in range(60):
        page.press(Keys.TAB)
        reached.add(
            page.script(
                "const it = document.activeElement; return it.id || it.name || it.className"
            )
        )
    assert {
        "language",
        "more",
        "slider",
        "pick",
        "away",
        "model",
        "format",
        "crop",
        "download",
        "copy",
        "enlarge",
    } <= reached
    page.elements(".tile .pick")[0].click()
    page.press(Keys.ARROW_RIGHT)
    assert page.elements(".tile .pick")[1].get_attribute("aria-current") == "true"
    page.press(Keys.DELETE)
    assert len(page.states()) == 1
    assert page.text("#live") == "disc.png is removed."


def test_a_key_is_asked_for_and_kept_out_of_the_command(page: Page, image: Path) -> None:
    page.expects_problems = True
    with live(Settings(threads=1, api_keys="schlüssel")) as (address, _):  # type: ignore[arg-type]
        page.driver.get(f"{address}/")
        page.pick(image)
        page.until(lambda: page.states() == ["failed"])
        field = page.element("#unlock input")
        field.send_keys("schloss", Keys.ENTER)
        page.until(lambda: "does not accept this key" in page.text("#why"))
        field.clear()
        field.send_keys("schlüssel", Keys.ENTER)
        page.until_done(1)
        assert "$CUTOUT_API_KEY" in page.text("#curl")
        assert "schl" not in page.text("#curl")


def test_chinese_readers_get_chinese_and_may_switch(page: Page) -> None:
    page.emulate(1440, language="zh-CN,zh,en")
    page.open()
    # The texts are fetched: the page is there before them.
    page.until(lambda: page.text("h1") == "一键去除背景")
    assert page.script("return document.documentElement.lang") == "zh-CN"
    page.click("#language")
    page.until(lambda: page.text("h1") == "Remove the background.")
    page.open()
    page.until(lambda: page.text("h1") == "Remove the background.")
    page.script("localStorage.clear()")


def test_the_languages_say_the_same_things(page: Page) -> None:
    ((english, chinese),) = page.module(
        "return [(await js('en')).default, (await js('zh')).default]"
    )
    assert english.keys() == chinese.keys()
    for key in english:
        assert chinese[key].strip(), key
        assert set(re.findall(r"\{\w+\}", english[key])) == set(
            re.findall(r"\{\w+\}", chinese[key])
        ), key
    for element in page.elements("[data-t]"):
        assert element.get_attribute("data-t") in english


def test_zip_archives_are_read_by_others(page: Page) -> None:
    ((data,),) = page.module(
        """const { zip } = await js("zip");
        const date = new Date(2026, 1, 3, 4, 5, 6);
        const entry = (name, text) => ({ name, blob: new Blob([text]), date });
        const archive = await zip([entry("grün 图.png", "abc"), entry("empty", "")]);
        return [[...new Uint8Array(await archive.arrayBuffer())]]"""
    )
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        assert archive.testzip() is None
        assert [(item.filename, item.date_time) for item in archive.infolist()] == [
            ("grün 图.png", (2026, 2, 3, 4, 5, 6)),
            ("empty", (2026, 2, 3, 4, 5, 6)),
        ]
        assert archive.read("grün 图.png") == b"abc"


@pytest.mark.parametrize("width", [360, 820, 1440])
def test_nothing_sticks_out_and_nothing_moves_where_that_is_not_wanted(
    page: Page, image: Path, width: int
) -> None:
    page.emulate(width, scheme="dark", motion="reduce")
    page.open()
    assert page.script("return document.getAnimations().length") == 0
    assert page.script("return document.documentElement.scrollWidth") <= width
    page.pick(*[image] * 5)
    page.until_done(5)
    assert page.script("return document.documentElement.scrollWidth") <= width
    label, strip = (
        page.script("return arguments[0].getBoundingClientRect()", page.element(it))
        for it in ("#clear", ".strip")
    )
    assert label["right"] <= strip["right"] + 1
    assert (
        page.script("return getComputedStyle(document.body).backgroundColor") == "rgb(16, 17, 18)"
    )


def test_api_docs_try_a_call_under_their_policy_with_no_internet(page: Page, image: Path) -> None:
    page.open("docs")
    page.until(lambda: page.elements("#operations-images-cutout"))
    assert page.elements(".models:not(.is-open)")
    page.click("#operations-images-cutout .opblock-summary-control")
    page.until(lambda: page.elements("[data-property-name=file] input"))
    page.pick(image, selector="[data-property-name=file] input")
    page.click(".execute")
    page.until(lambda: page.elements(".live-responses-table img"))
    page.until(lambda: page.element(".live-responses-table img").get_property("naturalWidth") == 96)
    assert "threshold" not in page.text(".curl-command")  # what is left empty is not sent


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_api_docs_follow_the_reader_s_scheme_and_fit_a_phone(
    page: Page, scheme: str, width: int
) -> None:
    page.emulate(width, scheme=scheme)
    page.open("docs")
    page.until(lambda: page.elements("#operations-images-cutout"))
    page.click("#operations-images-cutout .opblock-summary-control")
    page.until(lambda: page.elements("[data-property-name=file] input"))
    assert page.script("return document.documentElement.scrollWidth") <= width
    red = page.script(
        "const info = document.querySelector('.swagger-ui .info');"
        r"return getComputedStyle(info).color.match(/\d+/)[0]"
    )
    assert (int(red) > 128) == (scheme == "dark")
