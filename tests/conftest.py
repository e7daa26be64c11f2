"""The whole app with a predictor a child can check, in the process and over real HTTP."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support.stand_ins import bright_predictors


@pytest.fixture
def client() -> Iterator[TestClient]:
    settings = Settings(threads=2, queue=2, max_upload_bytes=200_000, max_pixels=1_000_000)
    with TestClient(create_app(settings, bright_predictors), raise_server_exceptions=False) as client:
        yield client
