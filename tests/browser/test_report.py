"""A report as a reader has it before them: on a wide screen and a phone, light and dark, on
paper."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from model_export.report.subject import load_subject
from model_export.report.write import write_comparison, write_report
from tests.support.bundles import write_bundles
from tests.support.chromium import Page
from tests.support.pairs import draw_pair, write_pair

LIGHT, DARK = "rgb(250, 250, 248)", "rgb(16, 17, 18)"
BROKEN = (
    "return [...document.images].filter((image) => !image.complete || !image.naturalWidth).length"
)
TOO_WIDE = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report of a classifier, of a segmenter, and of both side by side."""
    folder = tmp_path_factory.mktemp("reports")
    for number in range(5):
        write_pair(
            folder / "data" / f"discs-with-a-rather-long-name-{number % 2}",
            str(number),
            *draw_pair(number),
        )
    bundles = write_bundles(folder / "models")
    subjects = [
        load_subject(bundles / name, folder / "data") for name in ("classifier", "segmenter")
    ]
    for subject in subjects:
        write_report(subject, folder / "data", folder / f"{subject.manifest.name}.html")
    write_comparison(subjects, folder / "data", folder / "compare.html", "all")
    return folder


@pytest.fixture
def page(driver: webdriver.Chrome, downloads: Path) -> Iterator[Page]:
    page = Page(driver, "file://", downloads)
    yield page
    assert page.complaints() == []


@pytest.mark.parametrize("name", ["classifier", "segmenter", "compare"])
def test_it_is_whole_and_fits_every_screen_in_light_and_dark(
    page: Page, reports: Path, name: str
) -> None:
    for width, scheme, ground in ((1280, "light", LIGHT), (390, "dark", DARK)):
        page.emulate(width, scheme)
        page.open(str(reports / f"{name}.html"))
        assert page.script(BROKEN) == 0
        assert page.script(TOO_WIDE) <= 0
        assert page.script("return getComputedStyle(document.body).backgroundColor") == ground
        ink, text = page.script(
            """const text = document.querySelector(".figures svg text");
            const caption = document.querySelector("figcaption");
            return [getComputedStyle(caption).color, getComputedStyle(text).fill]"""
        )
        assert ink == text, "plots are in the page's colours"
        assert page.script(
            "const loaded = performance.getEntriesByType('resource');"
            "return loaded.every(({name}) => name.startsWith('data:'))"
        )


def test_on_paper_it_is_light(page: Page, reports: Path) -> None:
    page.emulate(1280, "dark")
    page.open(str(reports / "segmenter.html"))
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert (
        page.script("return getComputedStyle(document.body).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
