"""Whatever an image file is like, the answer is an image or a clear refusal, and the next caller is
served."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support import broken
from tests.support.images import decoded
from tests.support.stand_ins import bright_predictors

CALLS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/cutout", {}),
    ("/predict", {"subject": "true"}),
    ("/mask", {"refine": "false"}),
    ("/cutout", {"size": "9"}),
)
REFUSALS = {
    (413, "image_too_large"),
    (413, "upload_too_large"),
    (415, "unsupported_format"),
    (422, "undecodable_image"),
    (422, "empty_image"),
}
GOOD = broken.good()


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    settings = Settings(threads=1, max_upload_bytes=2_000_000, max_pixels=1_000_000)
    with TestClient(
        create_app(settings, bright_predictors), raise_server_exceptions=False
    ) as client:
        yield client


def outcome(client: TestClient, image: bytes, call: int = 0) -> tuple[int, str]:
    """The status, and the code of a refusal. Of images, what comes is decoded."""
    path, asked = CALLS[call % len(CALLS)]
    answer = client.post(path, files={"file": image}, data=asked)
    if answer.status_code == 200:
        if path == "/predict":
            assert 0 <= answer.json()["probability"] <= 1
        else:
            decoded(answer.content)
        return 200, ""
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["code"]


def assert_serving(client: TestClient) -> None:
    assert outcome(client, GOOD["PNG RGBA"]) == (200, "")


@pytest.mark.parametrize("name", GOOD)
def test_every_kind_of_image_is_taken_by_every_route(client: TestClient, name: str) -> None:
    for call in range(len(CALLS)):
        assert outcome(client, GOOD[name], call) == (200, "")


@pytest.mark.parametrize("name", GOOD)
def test_damaged_images_are_answered_or_refused(client: TestClient, name: str) -> None:
    damaged = [*broken.cut_off(GOOD[name]), *broken.flipped(GOOD[name], seed=len(name))]
    for number, image in enumerate(damaged):
        assert outcome(client, image, number) in REFUSALS | {(200, "")}, image
    assert_serving(client)


@pytest.mark.parametrize(("name", "file"), broken.unsupported().items())
def test_other_files_are_refused_as_such(client: TestClient, name: str, file: bytes) -> None:
    assert outcome(client, file) == (415, "unsupported_format")
    assert_serving(client)


@pytest.mark.parametrize(("name", "file"), broken.bombs().items())
def test_bombs_are_refused_by_their_headers(client: TestClient, name: str, file: bytes) -> None:
    assert outcome(client, file) == (413, "image_too_large")
    assert_serving(client)


@pytest.mark.parametrize(("name", "file"), broken.empty_sizes().items())
def test_images_of_no_pixels_are_refused_as_such(
    client: TestClient, name: str, file: bytes
) -> None:
    assert outcome(client, file) == (422, "empty_image")
    assert_serving(client)


@pytest.mark.parametrize(("name", "file"), broken.liars().items())
def test_liars_are_answered_or_refused(client: TestClient, name: str, file: bytes) -> None:
    for call in range(2):
        assert outcome(client, file, call) in REFUSALS | {(200, "")}
    assert_serving(client)
