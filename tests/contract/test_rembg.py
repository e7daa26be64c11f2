"""What clients of rembg's server expect of `/api/remove`."""

import asyncio
import json
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from tests.support.broken import huge_png
from tests.support.calls import SETTINGS, every_place_taken, fetching
from tests.support.images import alike, decoded, disc, encoded
from tests.support.internet import PRIVATE, Names, fetcher, redirect, response, serving
from tests.support.stand_ins import bright_predictors

DISC = encoded(disc(96, 64))
INSIDE, OUTSIDE = (32, 48), (2, 2)


def remove(client: TestClient, upload: bytes = DISC, /, place: str = "data", **options: str) -> Any:
    """The answer to an upload with its options in the form (`data`) or in the query (`params`)."""
    fields: dict[str, Any] = {place: options}
    return client.request("POST", "/api/remove", files={"file": ("a.png", upload)}, **fields)


def test_an_upload_comes_back_as_a_png_with_straight_alpha(client: TestClient) -> None:
    image = disc(96, 64)
    image[image[:, :, 1] == 0] = (200, 0, 0)
    answer = remove(client, encoded(image))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    cutout = decoded(answer.content)
    assert cutout.shape == (64, 96, 4)
    assert cutout[INSIDE].tolist() == [255, 255, 255, 255]
    assert cutout[OUTSIDE].tolist() == [0, 0, 0, 0]


def test_without_a_subject_it_is_still_a_png(client: TestClient) -> None:
    answer = remove(client, encoded(np.zeros((40, 40, 3), np.uint8)))
    assert answer.status_code == 200
    assert not decoded(answer.content)[:, :, 3].any()


@pytest.mark.parametrize("place", ["data", "params"])
@pytest.mark.parametrize("yes", ["true", "1", "yes", "True"])
def test_om_gives_a_grey_mask(client: TestClient, place: str, yes: str) -> None:
    soft = np.asarray(
        cv2.GaussianBlur(disc(96, 64), (0, 0), 3), np.uint8
    )  # a hard edge may well give a hard mask
    mask = decoded(remove(client, encoded(soft), place=place, om=yes).content)
    assert mask.shape == (64, 96)
    assert (mask[INSIDE], mask[OUTSIDE]) == (255, 0)
    assert len(np.unique(mask)) > 2


@pytest.mark.parametrize("place", ["data", "params"])
def test_ppm_gives_a_hard_mask(client: TestClient, place: str) -> None:
    mask = decoded(remove(client, place=place, om="true", ppm="true").content)
    assert set(np.unique(mask)) == {0, 255}
    cutout = decoded(remove(client, place=place, ppm="1").content)
    assert set(np.unique(cutout[:, :, 3])) == {0, 255}


@pytest.mark.parametrize("place", ["data", "params"])
@pytest.mark.parametrize(
    ("color", "outside"),
    [("255,0,0,255", [255, 0, 0]), ("0, 128, 0, 255", [0, 128, 0]), ("1,2,3", [1, 2, 3])],
)
def test_bgc_is_put_behind(client: TestClient, place: str, color: str, outside: list[int]) -> None:
    pixels = decoded(remove(client, place=place, bgc=color).content)
    assert pixels[OUTSIDE].tolist()[:3] == outside
    assert pixels[INSIDE].tolist()[:3] == [255, 255, 255]


def test_a_bgc_that_can_be_seen_through_stays_so(client: TestClient) -> None:
    pixels = decoded(remove(client, place="params", bgc="10,20,30,128").content)
    assert pixels[OUTSIDE].tolist() == [10, 20, 30, 128]
    assert pixels[INSIDE].tolist() == [255, 255, 255, 255]


@pytest.mark.parametrize("place", ["data", "params"])
@pytest.mark.parametrize("model", ["u2net", "isnet-general-use", "birefnet-general", "nobody's"])
def test_models_of_rembg_mean_the_default_and_the_answer_says_so(
    client: TestClient, place: str, model: str
) -> None:
    answer = remove(client, place=place, model=model)
    assert answer.status_code == 200
    assert answer.headers["x-model"] == "segmenter/1.0.0"
    assert answer.headers["x-without-effect"] == "model"


PAIR = encoded(np.hstack([disc(100, 100), disc(100, 100)]))
LEFT, RIGHT = (50, 50), (50, 150)


@pytest.mark.parametrize("place", ["data", "params"])
@pytest.mark.parametrize(
    "prompt",
    [
        [{"type": "point", "data": [150, 50], "label": 1}],
        [{"type": "point", "data": [49.6, 50], "label": 0}],
        [{"type": "rectangle", "data": [198, 98, 102, 2], "label": 0}],
    ],
)
def test_sam_cuts_out_what_its_prompts_point_at(
    client: TestClient, place: str, prompt: list[dict[str, Any]]
) -> None:
    extras = json.dumps({"sam_prompt": prompt})
    answer = remove(client, PAIR, place=place, model="sam", extras=extras, om="true")
    mask = decoded(answer.content)
    assert (mask[LEFT], mask[RIGHT]) == (0, 255)
    assert answer.headers["x-without-effect"] == "model"
    pixels = decoded(remove(client, PAIR, place=place, model="sam", extras=extras).content)
    assert (pixels[LEFT][3], pixels[RIGHT][3]) == (0, 255)


@pytest.mark.parametrize(
    "prompt",
    [
        [],
        {},
        "50 50",
        [{"type": "polygon", "data": [1, 2]}],
        [{"type": "point", "data": [1]}],
        [{"type": "point", "data": [-1, 5]}],
        [{"type": "point", "data": [float("nan"), 5]}],
        [{"type": "point", "data": [5, 5], "label": 2}],
        [{"type": "point", "data": [5, 5]}] * 33,
        [{"type": "rectangle", "data": [0, 0, 5, 5]}] * 2,
        [{"type": "rectangle", "data": [5, 5, 5, 9]}],
        [{"type": "point", "data": [500, 5]}],
    ],
)
def test_prompts_that_say_nothing_are_a_422(client: TestClient, prompt: Any) -> None:
    answer = remove(client, PAIR, model="sam", extras=json.dumps({"sam_prompt": prompt}))
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert remove(client, PAIR, model="sam").status_code == 422


@pytest.mark.parametrize("docs", [True, False])
def test_api_answers_as_probes_of_rembg_s_server_expect(docs: bool) -> None:
    app = create_app(SETTINGS.model_copy(update={"docs": docs}), bright_predictors)
    with TestClient(app) as client:
        for method in ("GET", "HEAD"):
            answer = client.request(method, "/api")
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/html")


def test_models_of_this_server_can_be_asked_for(client: TestClient) -> None:
    answer = remove(client, model="classifier")
    assert answer.headers["x-model"] == "classifier/1.0.0"
    assert "x-without-effect" not in answer.headers


@pytest.mark.parametrize("place", ["data", "params"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("a", "true"), ("af", "240"), ("ab", "10"), ("ae", "10"), ("extras", '{"sam_prompt": []}')],
)
def test_what_has_no_effect_is_taken_and_named(
    client: TestClient, place: str, name: str, value: str
) -> None:
    answer = remove(client, place=place, **{name: value})
    assert answer.status_code == 200
    assert answer.headers["x-without-effect"] == name
    assert alike(answer.content, remove(client).content)


def test_the_form_wins_over_the_query_and_other_names_are_ignored(client: TestClient) -> None:
    answer = client.post(
        "/api/remove",
        files={"file": DISC},
        data={"om": "true", "more": "1"},
        params={"om": "false", "other": "x"},
    )
    assert decoded(answer.content).ndim == 2


@pytest.mark.parametrize("place", ["data", "params"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a", "perhaps"),
        ("af", "256"),
        ("af", "-1"),
        ("ab", "256"),
        ("ab", "x"),
        ("ae", "-1"),
        ("om", "maybe"),
        ("ppm", "2"),
        ("bgc", "red"),
        ("bgc", "256,0,0,255"),
        ("bgc", "1,2"),
        ("extras", "{"),
        ("extras", "[]"),
        ("extras", "[" * 5000),
    ],
)
def test_what_can_t_be_read_is_a_422_with_a_list(
    client: TestClient, place: str, name: str, value: str
) -> None:
    answer = remove(client, place=place, **{name: value})
    assert answer.status_code == 422
    assert [item["loc"][-1] for item in answer.json()["detail"]] == [name]
    assert answer.json()["detail"][0].keys() >= {"loc", "msg", "type"}
    assert name != "bgc" or "each 0 to 255" in answer.json()["detail"][0]["msg"]


def test_a_missing_file_is_a_422_with_a_list(client: TestClient) -> None:
    answer = client.post("/api/remove", data={"om": "true"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "file"]
    assert answer.json()["detail"][0]["type"] == "missing"


@pytest.mark.parametrize(
    ("upload", "status"),
    [
        (b"this is no image", 415),
        (b"", 415),
        (huge_png(), 413),
        (bytes(3_000_001), 413),
        (encoded(disc(400, 300), ".jpg")[:2000], 422),
    ],
)
def test_what_is_no_image_is_refused_in_rembg_s_own_shape(
    client: TestClient, upload: bytes, status: int
) -> None:
    answer = remove(client, upload)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"detail"}
    assert isinstance(answer.json()["detail"], list if status == 422 else str)


def test_errors_of_the_framework_have_the_same_shape(client: TestClient) -> None:
    broken = client.post(
        "/api/remove", content=b"--x", headers={"content-type": "multipart/form-data; boundary=y"}
    )
    assert (broken.status_code, type(broken.json()["detail"])) == (400, str)
    with every_place_taken(client):
        full = remove(client)
    assert (full.status_code, full.json().keys()) == (429, {"detail"})
    assert int(full.headers["retry-after"]) >= 1
    assert client.put("/api/remove").json().keys() == {"detail"}


def test_a_key_is_asked_for_where_the_operator_gave_some_out(locked: TestClient) -> None:
    refused = remove(locked)
    assert (refused.status_code, refused.json().keys()) == (401, {"detail"})
    allowed = locked.post("/api/remove", files={"file": DISC}, headers={"X-Api-Key": "right-key"})
    assert allowed.status_code == 200


def test_a_url_is_fetched_and_takes_the_same_parameters() -> None:
    async def job() -> tuple[bytes, str]:
        async with serving(response(DISC)) as server, fetching(fetcher()) as client:
            url = f"http://images.example:{server.port}/a.png"
            answer = await client.get(
                "/api/remove", params={"url": url, "om": "true", "model": "u2netp"}
            )
            return answer.content, answer.headers["x-without-effect"]

    mask, ignored = asyncio.run(job())
    assert decoded(mask).shape == (64, 96)
    assert ignored == "model"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://images.example/",
        "not a url",
        "http://nowhere.example/",
        "http://inside.example:{port}/",
        "http://images.example:{port}/away",
        "http://images.example:{port}/missing",
    ],
)
def test_a_url_that_can_t_or_mustn_t_be_fetched_is_a_400_with_a_text(url: str) -> None:
    pages = {
        "/away": redirect("http://inside.example/"),
        "/missing": response(status="404 Not Found"),
    }
    names = Names(images_example=[["127.0.0.1"]], inside_example=[[PRIVATE]])

    async def job() -> tuple[int, dict[str, Any]]:
        async with serving(pages) as server, fetching(fetcher(names)) as client:
            answer = await client.get("/api/remove", params={"url": url.format(port=server.port)})
            return answer.status_code, answer.json()

    status, body = asyncio.run(job())
    assert status == 400
    assert isinstance(body["detail"], str)


def test_a_url_that_holds_no_image_is_refused_like_an_upload() -> None:
    async def job() -> int:
        async with serving(response(b"<html>")) as server, fetching(fetcher()) as client:
            url = f"http://images.example:{server.port}/"
            return (await client.get("/api/remove", params={"url": url})).status_code

    assert asyncio.run(job()) == 415


def test_urls_are_off_by_default_and_needed(client: TestClient) -> None:
    off = client.get("/api/remove", params={"url": "http://images.example/a.png"})
    assert off.status_code == 400
    assert "CUTOUT_ALLOW_URLS" in off.json()["detail"]
    missing = client.get("/api/remove")
    assert (missing.status_code, missing.json()["detail"][0]["loc"]) == (422, ["query", "url"])
