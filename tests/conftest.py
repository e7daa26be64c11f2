"""What all tests share: how properties are tried, which tests `make test-fast` leaves out, and a
whole app to call."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support.stand_ins import bright_predictors

TESTS = Path(__file__).parent
MARKERS = {"browser": "browser", "deploy": "deploy", "model_export": "training", "sdk": "sdk"}

# A busy machine is no fault of the code, and CI tries the same examples each time.
hypothesis.settings.register_profile(
    "cutout", deadline=None, derandomize="CI" in os.environ, print_blob=True
)
hypothesis.settings.load_profile("cutout")


def marker_of(path: Path) -> str | None:
    """The marker of all tests in a directory below tests/, if it has one."""
    return MARKERS.get(path.relative_to(TESTS).parts[0]) if path != TESTS else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether a directory is passed over: `-m "not training"` is to import no TensorFlow, and to
    work without it."""
    marker = marker_of(collection_path)
    return True if marker and f"not {marker}" in config.getoption("markexpr") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if marker := marker_of(item.path):
            item.add_marker(marker)


@pytest.fixture
def client() -> Iterator[TestClient]:
    settings = Settings(threads=2, queue=2, max_upload_bytes=200_000, max_pixels=1_000_000)
    with TestClient(
        create_app(settings, bright_predictors), raise_server_exceptions=False
    ) as client:
        yield client
