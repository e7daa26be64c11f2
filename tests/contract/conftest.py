"""The app as clients of the two other servers call it, with a predictor for which bright is
foreground."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from app.main import create_app
from tests.support.calls import SETTINGS
from tests.support.stand_ins import bright_predictors


@pytest.fixture(scope="package")
def client() -> Iterator[TestClient]:
    with TestClient(
        create_app(SETTINGS, bright_predictors), raise_server_exceptions=False
    ) as client:
        yield client


@pytest.fixture(scope="package")
def locked() -> Iterator[TestClient]:
    """The same where a key is asked for."""
    settings = SETTINGS.model_copy(update={"api_keys": (SecretStr("right-key"),)})
    with TestClient(create_app(settings, bright_predictors)) as client:
        yield client
