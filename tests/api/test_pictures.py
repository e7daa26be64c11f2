"""Uploads in, answers out: the whole app with a predictor for which bright is foreground."""

import numpy as np
from starlette.testclient import TestClient

from tests.pictures import decoded, disc, encoded


def test_predict_says_how_bright_a_picture_is(client: TestClient) -> None:
    white = encoded(np.full((20, 30, 3), 255, np.uint8))
    answer = client.post("/predict", files={"file": white}).json()
    assert answer["label"] == "foreground"
    assert answer["probability"] == 1.0
    assert answer["image"] == {"width": 30, "height": 20}
    assert answer["model"]["name"] == "classifier"


def test_predict_tells_of_the_subject_when_asked(client: TestClient) -> None:
    answer = client.post("/predict", files={"file": encoded(disc(96, 64))}, data={"subject": "true"}).json()
    subject = answer["subject"]
    assert subject["found"] is True
    assert abs(subject["coverage"] - np.pi * 16**2 / (96 * 64)) < 0.03
    assert abs(subject["box"]["left"] - 32) <= 3
    assert abs(subject["box"]["width"] - 32) <= 6


def test_mask_is_as_large_as_the_upload_and_white_where_it_is_bright(client: TestClient) -> None:
    answer = client.post("/mask", files={"file": encoded(disc(96, 64))})
    assert answer.headers["content-type"] == "image/png"
    mask = decoded(answer.content)
    assert mask.shape == (64, 96)
    assert mask[32, 48] == 255
    assert mask[2, 2] == 0


def test_cutout_keeps_the_bright_and_leaves_nothing_of_the_rest(client: TestClient) -> None:
    image = disc()
    image[image[:, :, 1] == 0] = (200, 0, 0)  # red: dark to the predictor
    answer = client.post("/cutout", files={"file": encoded(image)})
    cutout = decoded(answer.content)
    assert cutout.shape == (64, 96, 4)
    assert cutout[32, 48].tolist() == [255, 255, 255, 255]
    assert not cutout[cutout[:, :, 3] == 0].any()
    assert answer.headers["x-subject-found"] == "true"


def test_a_picture_without_a_subject_says_so(client: TestClient) -> None:
    answer = client.post("/cutout", files={"file": encoded(np.zeros((40, 40, 3), np.uint8))})
    assert answer.headers["x-subject-found"] == "false"
    assert "x-bounding-box" not in answer.headers
    assert not decoded(answer.content)[:, :, 3].any()


def test_options_change_the_answer_as_they_say(client: TestClient) -> None:
    upload = {"file": encoded(disc(96, 64))}
    red = decoded(client.post("/cutout", files=upload, data={"background": "#f00"}).content)
    assert red.shape == (64, 96, 3)
    assert red[2, 2].tolist() == [255, 0, 0]
    cropped = decoded(client.post("/cutout", files=upload, data={"crop": "true"}).content)
    assert abs(cropped.shape[0] - 32) <= 6
    small = decoded(client.post("/cutout", files=upload, data={"size": "48"}).content)
    assert small.shape == (32, 48, 4)
    hard = decoded(client.post("/mask", files=upload, data={"threshold": "0.5"}).content)
    assert set(np.unique(hard)) == {0, 255}
    jpeg = client.post("/cutout", files=upload, data={"format": "jpeg"})
    assert jpeg.headers["content-type"] == "image/jpeg"
    assert decoded(jpeg.content)[2, 2].min() > 240


def test_a_background_picture_shows_where_the_mask_is_empty(client: TestClient) -> None:
    behind = encoded(np.full((10, 10, 3), (0, 0, 250), np.uint8))
    answer = client.post("/cutout", files={"file": encoded(disc()), "background_image": behind})
    assert decoded(answer.content)[2, 2].tolist() == [0, 0, 250]


def test_the_upload_s_own_transparency_is_respected(client: TestClient) -> None:
    image = np.dstack([disc(), np.full((64, 96), 255, np.uint8)])
    image[:, :48, 3] = 0
    cutout = decoded(client.post("/cutout", files={"file": encoded(image)}).content)
    assert not cutout[:, :48].any()
    assert cutout[32, 56, 3] == 255
