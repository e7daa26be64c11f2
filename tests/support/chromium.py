"""A real Chromium, driven through its own chromedriver, that can reach nothing but this machine."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PATIENCE = 60
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",  # tests may run as root, in a container
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--lang=en-US",
]
NOT_OURS = (
    "Blocked attempt to show a 'beforeunload'"  # the page asked, and nobody had touched it yet
)
EXPECTED_ERRORS = (
    "the server responded with a status of 4"  # how Chromium's console tells of an answered problem
)


@contextmanager
def chromium(downloads: Path) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ARGUMENTS:
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Page:
    """The page as a reader has it before them."""

    def __init__(self, driver: webdriver.Chrome, url: str, downloads: Path) -> None:
        self.driver, self.url, self.downloads = driver, url, downloads
        self.expects_problems = False

    def open(self, path: str = "") -> None:
        """Load the page, and wait until its script has run.

        `load` does not wait for a module that fetches something first, as this one its texts.
        """
        self.driver.get(self.url + path)
        self.driver.execute_async_script(
            """const [done] = arguments, main = document.querySelector("script[src$='/main.js']");
            (main ? import(main.src) : Promise.resolve()).then(() => done(), () => done());"""
        )

    def element(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def elements(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        self.element(selector).click()

    def text(self, selector: str) -> str:
        return str(self.element(selector).get_property("textContent")).strip()

    def script(self, body: str, *arguments: Any) -> Any:
        return self.driver.execute_script(body, *arguments)

    def module(self, body: str, *arguments: Any) -> Any:
        """The answer of `body`, an async function's, that may import the page's modules from
        `js`."""
        return self.driver.execute_async_script(
            "const [...given] = arguments; const done = given.pop();"
            "const js = (name) => import(new URL(`assets/js/${name}.js`, document.baseURI));"
            f"(async () => {{ {body} }})()"
            ".then((value) => done([value]), (error) => done(String(error)))",
            *arguments,
        )

    def until(self, holds: Callable[[], Any]) -> Any:
        return WebDriverWait(self.driver, PATIENCE, poll_frequency=0.03).until(lambda _: holds())

    def pick(self, *files: Path, selector: str = "#pick") -> None:
        self.element(selector).send_keys("\n".join(map(str, files)))

    def states(self) -> list[str]:
        return [str(tile.get_attribute("data-status")) for tile in self.elements(".tile")]

    def until_done(self, count: int) -> None:
        self.until(lambda: self.states() == ["done"] * count)

    def until_shown(self) -> None:
        """Wait for the result, at full size, of the options as they are."""
        self.until(lambda: self.element("#stage").get_attribute("aria-busy") == "false")

    def option(self, name: str, value: str | bool) -> None:
        """Choose an option as a reader does: the control changes, and says so."""
        self.script(
            """const [name, value] = arguments, control = document.forms.options.elements[name];
            if (control.type === "checkbox") control.checked = value; else control.value = value;
            const source = control instanceof RadioNodeList ? control[0] : control;
            for (const kind of ["input", "change"])
              source.dispatchEvent(new Event(kind, {bubbles: true}));""",
            name,
            value,
        )

    def downloaded(self) -> tuple[str, bytes]:
        """Name and content of the one file that was saved, once it is all there."""
        path = self.until(
            lambda: next(
                # .crdownload and .org…: on the way; empty: a name that is kept free for one of
                # those
                (it for it in self.downloads.glob("[!.]*[!d]") if it.stat().st_size),
                None,
            )
        )
        data = path.read_bytes()
        path.unlink()
        return path.name, data

    def uploads(self) -> list[str]:
        """The paths that images were sent to since the page was opened."""
        paths = self.script(
            """return performance.getEntriesByType("resource")
            .filter(({ initiatorType }) => initiatorType === "xmlhttprequest")
            .map(({ name }) => new URL(name).pathname)"""
        )
        return [path for path in paths if path != "/models"]

    def press(self, *keys: str) -> None:
        """Press keys wherever the focus is."""
        ActionChains(self.driver).send_keys(*keys).perform()

    def emulate(
        self,
        width: int,
        scheme: str = "light",
        motion: str = "no-preference",
        language: str = "en-US",
    ) -> None:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        media = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        agent = {"userAgent": self.script("return navigator.userAgent"), "acceptLanguage": language}
        features = [{"name": name, "value": value} for name, value in media.items()]
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", agent)

    def complaints(self) -> list[str]:
        """What the console holds: nothing, or what a test that sends bad images expects."""
        lines = [json.dumps(entry) for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]
        expected = [NOT_OURS, *([EXPECTED_ERRORS] if self.expects_problems else [])]
        return [line for line in lines if not any(text in line for text in expected)]
