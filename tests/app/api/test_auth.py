"""Keys: asked for where the operator gave some out, before anything of the upload is read."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support.images import disc, encoded
from tests.support.stand_ins import bright_predictors

PATHS = ["/predict", "/mask", "/cutout"]


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setenv("CUTOUT_API_KEYS", "first-key, zweiter-schlüssel,")
    with TestClient(create_app(Settings(threads=1), bright_predictors)) as client:
        yield client


def test_keys_are_split_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUTOUT_API_KEYS", "first-key, second-key,")
    settings = Settings()
    assert [key.get_secret_value() for key in settings.api_keys] == ["first-key", "second-key"]
    assert "first-key" not in repr(settings)
    monkeypatch.delenv("CUTOUT_API_KEYS")
    assert Settings().api_keys == ()


def test_keys_that_are_none_do_not_open_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUTOUT_API_KEYS", " , ")
    with pytest.raises(ValueError, match="the list is empty"):
        Settings()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {b"X-Api-Key": b""},
        {b"X-Api-Key": b"first"},
        {b"X-Api-Key": b"first-key2"},
        {b"Authorization": b"Basic first-key"},
        {b"Authorization": b"Bearer"},
        {b"X-Api-Key": b"\xff\xfe"},
    ],
)
def test_without_a_known_key_nobody_uploads(
    locked: TestClient, path: str, headers: dict[bytes, bytes]
) -> None:
    answer = locked.post(path, files={"file": encoded(disc())}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {b"X-Api-Key": b"first-key"},
        {b"x-api-key": "zweiter-schlüssel".encode()},
        {b"Authorization": b"Bearer first-key"},
        {b"Authorization": b"bearer first-key"},
    ],
)
def test_every_key_opens_in_either_header(
    locked: TestClient, path: str, headers: dict[bytes, bytes]
) -> None:
    assert locked.post(path, files={"file": encoded(disc())}, headers=headers).status_code == 200


def test_without_keys_everybody_may_call(client: TestClient) -> None:
    answer = client.post(
        "/mask", files={"file": encoded(disc())}, headers={"X-Api-Key": "anything"}
    )
    assert answer.status_code == 200


def test_the_schema_asks_for_a_key_only_where_the_server_does(
    client: TestClient, locked: TestClient
) -> None:
    for path in (*PATHS, "/api/remove", "/v1.0/removebg", "/v1.0/account"):
        method = "get" if path == "/v1.0/account" else "post"
        assert "security" not in client.get("/openapi.json").json()["paths"][path][method]
        assert locked.get("/openapi.json").json()["paths"][path][method]["security"]
