"""A page opened afresh for each test; whatever its console complains of fails the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from selenium import webdriver

from app.settings import Settings
from tests.support.chromium import CHROMIUM, DRIVER, Page, chromium
from tests.support.live import live


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def driver(downloads: Path) -> Iterator[webdriver.Chrome]:
    if not CHROMIUM or not DRIVER:
        pytest.skip("Chromium is not installed: apt-get install chromium chromium-driver")
    with chromium(downloads) as driver:
        yield driver


@pytest.fixture(scope="session")
def service() -> Iterator[tuple[str, FastAPI]]:
    with live(Settings(threads=1, queue=3, max_upload_bytes=400_000, max_pixels=1_000_000)) as (
        address,
        app,
    ):
        yield f"{address}/", app


@pytest.fixture
def page(driver: webdriver.Chrome, service: tuple[str, FastAPI], downloads: Path) -> Iterator[Page]:
    page = Page(driver, service[0], downloads)
    page.emulate(1440)
    page.open()
    yield page
    assert page.complaints() == []
