"""Uploads in, answers out: the whole app with a predictor for which bright is foreground."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from cutout.imaging.box import Size
from cutout.imaging.preprocess import Alpha, Image
from cutout.inference.predictor import Prepared
from cutout.results import Subject
from tests.support.animations import TIMES, animated, play
from tests.support.images import decoded, disc, encoded
from tests.support.stand_ins import BrightPredictor, bright_predictors


def test_predict_says_how_bright_a_image_is(client: TestClient) -> None:
    white = encoded(np.full((20, 30, 3), 255, np.uint8))
    answer = client.post("/predict", files={"file": white}).json()
    assert answer["label"] == "foreground"
    assert answer["probability"] == 1.0
    assert answer["image"] == {"width": 30, "height": 20}
    assert answer["model"]["name"] == "classifier"


def test_predict_tells_of_the_subject_when_asked(client: TestClient) -> None:
    answer = client.post(
        "/predict", files={"file": encoded(disc(96, 64))}, data={"subject": "true"}
    ).json()
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


def test_a_image_without_a_subject_says_so(client: TestClient) -> None:
    answer = client.post("/cutout", files={"file": encoded(np.zeros((40, 40, 3), np.uint8))})
    assert answer.headers["x-subject-found"] == "false"
    assert "x-bounding-box" not in answer.headers
    assert not decoded(answer.content)[:, :, 3].any()


def test_a_crop_says_which_part_of_the_upload_it_shows(client: TestClient) -> None:
    upload = {"file": encoded(disc(96, 64))}
    whole = client.post("/cutout", files=upload)
    assert "x-crop-box" not in whole.headers
    bare = client.post("/cutout", files=upload, data={"crop": "true"})
    assert (
        bare.headers["x-crop-box"]
        == bare.headers["x-bounding-box"]
        == whole.headers["x-bounding-box"]
    )
    cropped = client.post("/cutout", files=upload, data={"crop": "true", "margin": "20px 0 0 6px"})
    left, top, width, height = map(int, cropped.headers["x-crop-box"].split(","))
    assert decoded(cropped.content).shape == (height, width, 4)
    assert top < 0 < left
    shown = decoded(whole.content)[: top + height, left : left + width]
    assert np.array_equal(decoded(cropped.content)[-top:], shown)
    small = client.post(
        "/cutout", files=upload, data={"crop": "true", "margin": "20px 0 0 6px", "size": "20"}
    )
    assert small.headers["x-crop-box"] == cropped.headers["x-crop-box"]
    few = client.post("/cutout", files=upload, data={"crop": "true", "megapixels": "0.0016"})
    assert (
        np.abs(
            np.subtract(list(map(int, few.headers["x-crop-box"].split(","))), (32, 16, 33, 33))
        ).max()
        <= 6
    )


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
    assert hard[2, 2] == 0
    assert hard[32, 48] == 255
    assert ((hard > 0) & (hard < 255)).mean() < 0.05
    jpeg = client.post("/cutout", files=upload, data={"format": "jpeg"})
    assert jpeg.headers["content-type"] == "image/jpeg"
    assert decoded(jpeg.content)[2, 2].min() > 240


def test_a_bad_background_image_is_told_from_a_bad_image(client: TestClient) -> None:
    answer = client.post(
        "/cutout", files={"file": encoded(disc()), "background_image": b"no image"}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_format")
    assert answer.json()["detail"].startswith("background_image: not a JPEG")


def test_a_background_image_shows_where_the_mask_is_empty(client: TestClient) -> None:
    behind = encoded(np.full((10, 10, 3), (0, 0, 250), np.uint8))
    answer = client.post("/cutout", files={"file": encoded(disc()), "background_image": behind})
    assert decoded(answer.content)[2, 2].tolist() == [0, 0, 250]


@pytest.mark.parametrize(
    ("color", "seen"), [({}, [255, 255, 255]), ({"background": "#0f08"}, [0, 255, 0])]
)
def test_what_a_background_image_hides_stays_hidden(
    client: TestClient, color: dict[str, str], seen: list[int]
) -> None:
    behind = np.full((10, 10, 4), (250, 0, 250, 255), np.uint8)
    behind[:, 5:, 3] = 0
    files = {"file": encoded(disc()), "background_image": encoded(behind)}
    answer = decoded(client.post("/cutout", files=files, data=color).content)
    assert answer[2, 2].tolist() == [250, 0, 250]
    assert answer[2, -3].tolist() == seen


def test_the_upload_s_own_transparency_is_respected(client: TestClient) -> None:
    image = np.dstack([disc(), np.full((64, 96), 255, np.uint8)])
    image[:, :48, 3] = 0
    answer = client.post("/cutout", files={"file": encoded(image)})
    cutout = decoded(answer.content)
    assert not cutout[:, :48].any()
    assert cutout[32, 56, 3] == 255
    left, *_ = (int(number) for number in answer.headers["x-bounding-box"].split(","))
    assert left == 48
    cropped = client.post("/cutout", files={"file": encoded(image)}, data={"crop": "true"})
    assert (
        cropped.headers["x-bounding-box"]
        == cropped.headers["x-crop-box"]
        == answer.headers["x-bounding-box"]
    )
    image[..., 3] = 0
    assert (
        client.post("/cutout", files={"file": encoded(image)}).headers["x-subject-found"] == "false"
    )


def test_a_jpeg_is_decoded_no_larger_than_the_answer_needs(client: TestClient) -> None:
    """What is said of the image stays that of the upload, whatever the size it was decoded at."""
    upload = {"file": encoded(disc(960, 640), ".jpg")}
    answer = client.post("/predict", files=upload, data={"subject": "true"}).json()
    assert answer["image"] == {"width": 960, "height": 640}
    assert abs(answer["subject"]["box"]["left"] - 320) <= 30
    assert abs(answer["subject"]["box"]["width"] - 320) <= 60
    mask = client.post("/mask", files=upload, data={"refine": "false"})
    assert decoded(mask.content).shape == (640, 960)
    small = client.post("/cutout", files=upload, data={"size": "96"})
    assert decoded(small.content).shape == (64, 96, 4)
    for headers in (mask.headers, small.headers):
        box = [int(number) for number in headers["x-bounding-box"].split(",")]
        np.testing.assert_allclose(box, [320, 160, 320, 320], atol=60)


@pytest.mark.parametrize("size", [1, 7, 48, 500])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_the_answer_s_size_does_not_depend_on_the_format(
    client: TestClient, suffix: str, size: int
) -> None:
    upload = {"file": encoded(disc(301, 203), suffix)}
    ratio = min(1, size / 301)
    expected = (max(1, round(203 * ratio)), max(1, round(301 * ratio)))
    for path, extra in (
        ("/mask", {}),
        ("/mask", {"refine": "false"}),
        ("/cutout", {}),
        ("/mask", {"roi": "0 0 50% 90%"}),
    ):
        answer = client.post(path, files=upload, data={"size": str(size), **extra})
        assert decoded(answer.content).shape[:2] == expected


class Finer(BrightPredictor):
    """Its masks need more of a JPEG than scores do."""

    def mask_size(self, size: Size) -> Size:
        return size


def test_a_probability_does_not_depend_on_what_else_is_asked_for() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (400, 600, 3), np.uint8)
    predictors = [BrightPredictor("classifier", "classify"), Finer("segmenter")]
    with TestClient(create_app(Settings(), lambda _: predictors)) as client:
        alone, subject = (
            client.post("/predict", files={"file": encoded(noise, ".jpg")}, data=asked).json()[
                "probability"
            ]
            for asked in ({}, {"subject": "true"})
        )
    assert alone == subject


class Watching(BrightPredictor):
    """Remembers the sizes of the images it was run on."""

    def __init__(self) -> None:
        super().__init__("segmenter")
        self.seen: list[tuple[int, ...]] = []

    def prepare(self, image: Image) -> Prepared:
        self.seen.append(image.shape[:2])
        return super().prepare(image)

    def probability(self, image: Image, alpha: Alpha | None = None) -> float:
        if alpha is None:
            self.seen.append(image.shape[:2])
        return super().probability(image, alpha)


@pytest.mark.parametrize(
    ("path", "asked", "size"),
    [
        ("/predict", {}, (80, 120)),
        ("/predict", {"model": "segmenter", "subject": "true"}, (80, 120)),
        ("/mask", {"refine": "false"}, (80, 120)),
        ("/mask", {"size": "96"}, (64, 96)),
        ("/mask", {}, (640, 960)),
        ("/cutout", {"size": "480"}, (320, 480)),
        ("/cutout", {"size": "480", "crop": "true"}, (640, 960)),
    ],
)
def test_one_run_on_no_more_pixels_than_the_answer_needs(
    path: str, asked: dict[str, str], size: tuple[int, int]
) -> None:
    predictor = Watching()
    with TestClient(create_app(Settings(), lambda _: [predictor])) as client:
        assert (
            client.post(
                path, files={"file": encoded(disc(960, 640), ".jpg")}, data=asked
            ).status_code
            == 200
        )
    assert predictor.seen == [size]


@pytest.mark.parametrize("path", ["/mask", "/cutout"])
def test_a_hard_mask_is_hard_at_any_size(client: TestClient, path: str) -> None:
    soft = np.asarray(cv2.GaussianBlur(disc(300, 200), (0, 0), 8), np.uint8)
    for options in ({"size": "70"}, {"size": "70", "refine": "false"}, {}):
        answer = client.post(
            path, files={"file": encoded(soft)}, data={"threshold": "0.5", **options}
        )
        pixels = decoded(answer.content)
        alpha = pixels if path == "/mask" else pixels[:, :, 3]
        edge = (alpha > 0) & (alpha < 255)
        assert 0 < edge.sum() < 4 * np.pi * 50  # a pixel or two wide: the disc's radius is 50
        assert path == "/mask" or not pixels[alpha == 0].any()


def test_a_margin_makes_no_more_of_a_image_than_one_may_have(client: TestClient) -> None:
    narrow = np.full((2000, 20, 3), 255, np.uint8)
    answer = client.post(
        "/cutout", files={"file": encoded(narrow)}, data={"crop": "true", "margin": "500px"}
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")
    assert "1020 x 3000" in answer.json()["detail"]


def test_a_side_beyond_a_jpeg_s_is_refused(client: TestClient) -> None:
    answer = client.post("/mask", files={"file": encoded(np.zeros((1, 65_536), np.uint8))})
    assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")


@given(st.integers(1, 3000), st.integers(1, 3000), st.data())
def test_a_box_lies_in_the_upload(width: int, height: int, data: st.DataObject) -> None:
    across, down = (data.draw(st.integers(1, side)) for side in (width, height))
    left, top = data.draw(st.integers(0, across - 1)), data.draw(st.integers(0, down - 1))
    alpha = np.zeros((down, across), np.uint8)
    alpha[top:, left:] = 255
    box = Subject.of(alpha, Size(width, height)).box
    assert box is not None
    assert (box.left + box.width, box.top + box.height) == (width, height)


@pytest.mark.parametrize("path", ["/mask", "/cutout"])
@pytest.mark.parametrize(
    "data", [{}, {"refine": "false"}, {"threshold": "0.5"}, {"roi": "0 0 60% 60%"}]
)
def test_a_given_mask_is_honoured_to_the_pixel_and_its_grey_is_the_network_s(
    client: TestClient, path: str, data: dict[str, str]
) -> None:
    given = np.full((64, 96), 128, np.uint8)
    given[:20], given[30:34, 45:50] = 255, 0  # beside the disc, and a hole in it
    files = {"file": encoded(disc(96, 64)), "mask": encoded(given)}
    answer = client.post(path, files=files, data=data)
    assert answer.status_code == 200, answer.text
    pixels = decoded(answer.content)
    alpha = pixels if path == "/mask" else pixels[:, :, 3]
    assert (alpha[given == 255] == 255).all()
    assert not alpha[given == 0].any()
    assert alpha[26, 46] > 250
    assert not alpha[60:, :].any()


def test_a_mask_without_grey_is_the_alpha_and_no_network_is_asked() -> None:
    predictor = Watching()
    given = np.zeros((64, 96), np.uint8)
    given[3:9, 5:50] = 255
    files = {"file": encoded(disc(96, 64)), "mask": encoded(given)}
    with TestClient(create_app(Settings(), lambda _: [predictor])) as client:
        answer = client.post("/cutout", files=files)
    np.testing.assert_array_equal(decoded(answer.content)[:, :, 3], given)
    assert answer.headers["x-bounding-box"] == "5,3,45,6"
    assert predictor.seen == []


def test_a_cut_out_can_be_sent_back_as_the_mask(client: TestClient) -> None:
    """Its transparency counts, and it may be smaller than the image."""
    upload = encoded(disc(960, 640))
    first = client.post("/cutout", files={"file": upload})
    small = client.post("/cutout", files={"file": upload}, data={"size": "300"}).content
    for mask in (first.content, small):
        again = client.post("/cutout", files={"file": upload, "mask": mask})
        difference = np.abs(decoded(again.content)[:, :, 3].astype(int) - disc(960, 640)[:, :, 0])
        assert difference.mean() < 1


@pytest.mark.parametrize(
    ("mask", "status", "code", "told"),
    [
        (
            encoded(np.zeros((96, 64), np.uint8)),
            422,
            "invalid_option",
            "64 x 96 pixels have other proportions",
        ),
        (b"no image", 415, "unsupported_format", "mask: not a JPEG"),
        (encoded(disc())[:90], 422, "undecodable_image", "mask: the PNG is truncated"),
        (encoded(np.zeros((1100, 1000), np.uint8)), 413, "image_too_large", "mask: the image has"),
    ],
)
@pytest.mark.parametrize("path", ["/mask", "/cutout"])
def test_a_bad_mask_is_told_from_a_bad_image(
    client: TestClient, path: str, mask: bytes, status: int, code: str, told: str
) -> None:
    answer = client.post(path, files={"file": encoded(disc(96, 64)), "mask": mask})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert told in answer.json()["detail"]


def on_green(width: int = 300, height: int = 200) -> bytes:
    """A bright disc on dark green: the green channel is the alpha, so the green is faint."""
    image = disc(width, height)
    image[image[:, :, 0] == 0] = (60, 0, 90)
    return encoded(image)


def test_the_background_can_be_kept_instead(client: TestClient) -> None:
    plain, inverted = (
        client.post("/mask", files={"file": on_green()}, data=data)
        for data in ({}, {"invert": "true"})
    )
    np.testing.assert_array_equal(decoded(inverted.content), 255 - decoded(plain.content))
    cutout = client.post("/cutout", files={"file": on_green()}, data={"invert": "true"})
    assert decoded(cutout.content)[5, 5].tolist() == [60, 0, 90, 255]
    assert not decoded(cutout.content)[100, 150].any()
    assert cutout.headers["x-bounding-box"] == "0,0,300,200"


def test_the_background_can_be_blurred_and_nothing_of_the_subject_shows_in_it(
    client: TestClient,
) -> None:
    data = {"background": "blur:12", "threshold": "0.5"}
    answer = decoded(client.post("/cutout", files={"file": on_green()}, data=data).content)
    assert answer.shape == (200, 300, 3)
    assert answer[100, 150].tolist() == [255, 255, 255]
    outside = np.hypot(*np.mgrid[-100:100, -150:150]) > 54
    assert np.abs(answer[outside].astype(int) - (60, 0, 90)).max() <= 1
    away = {**data, "scale": "0.25", "position": "0% 0%"}
    moved = decoded(client.post("/cutout", files={"file": on_green()}, data=away).content)
    assert np.abs(moved[100, 150].astype(int) - (60, 0, 90)).max() <= 1
    cropped = {**data, "crop": "true", "margin": "200px"}
    beyond = decoded(client.post("/cutout", files={"file": on_green()}, data=cropped).content)
    assert np.abs(beyond[5, 5].astype(int) - (60, 0, 90)).max() <= 1


def test_a_background_image_can_be_blurred(client: TestClient) -> None:
    behind = np.zeros((200, 300, 3), np.uint8)
    behind[:, 150:] = 200
    files = {"file": on_green(), "background_image": encoded(behind)}
    answer = decoded(client.post("/cutout", files=files, data={"background": "blur:9"}).content)
    assert answer[10, 10].tolist() == [0, 0, 0]
    assert 80 < answer[10, 150, 0] < 120
    assert answer[10, 290].tolist() == [200, 200, 200]


@pytest.mark.parametrize("shadow", ["true", "soft", "contact"])
def test_a_shadow_lies_under_the_subject(client: TestClient, shadow: str) -> None:
    files = {"file": on_green()}
    plain = decoded(client.post("/cutout", files=files).content)
    answer = decoded(client.post("/cutout", files=files, data={"shadow": shadow}).content)
    assert answer[152, 150, 3] > plain[152, 150, 3] + 20
    assert answer[100, 150].tolist() == [255, 255, 255, 255]
    white = client.post("/cutout", files=files, data={"shadow": shadow, "background": "white"})
    assert decoded(white.content)[152, 150].max() < 235
    alpha = client.post("/cutout", files=files, data={"shadow": shadow, "channels": "alpha"})
    np.testing.assert_array_equal(decoded(alpha.content), answer[:, :, 3])
    none = client.post("/cutout", files=files, data={"shadow": "false"})
    np.testing.assert_array_equal(decoded(none.content), plain)


@pytest.mark.parametrize(("size", "shown"), [({}, 116), ({"size": "60"}, 60)])
def test_a_sticker_s_outline_is_as_wide_as_asked_for_whatever_the_size(
    client: TestClient, size: dict[str, str], shown: int
) -> None:
    files = {"file": encoded(disc(300, 200))}
    data = {"outline": "8px #f00", "crop": "true", "threshold": "0.5", **size}
    answer = client.post("/cutout", files=files, data=data)
    pixels = decoded(answer.content)
    assert abs(pixels.shape[0] - shown) <= 3
    middle = pixels[len(pixels) // 2]
    red = np.flatnonzero((middle[:, 0] > 200) & (middle[:, 1] < 50) & (middle[:, 3] > 200))
    assert abs(int((red < len(middle) // 2).sum()) - 8) <= 1
    assert red[0] <= 1
    assert red[-1] >= len(middle) - 2
    left, _, width, _ = map(int, answer.headers["x-crop-box"].split(","))
    room = 8 * 100 / (shown - 16)  # what the outline takes of the upload
    assert abs(left - (100 - room)) <= 2
    assert abs(width - (100 + 2 * room)) <= 3


@pytest.mark.parametrize("position", [None, "100% 0%"])
def test_a_canvas_has_its_size_and_the_subject_fills_what_margins_leave(
    client: TestClient, position: str | None
) -> None:
    data = {"canvas": "500x400", "crop": "true", "margin": "10%", "threshold": "0.5"}
    data |= {} if position is None else {"position": position}
    answer = client.post("/cutout", files={"file": encoded(disc(300, 200))}, data=data)
    pixels = decoded(answer.content)
    assert pixels.shape == (400, 500, 4)
    rows, columns = (np.flatnonzero(pixels[:, :, 3].max(axis)) for axis in (1, 0))
    left = 90 if position is None else 130  # a disc as high as there is room: 320 of 400
    assert np.abs(np.array([rows[0], rows[-1], columns[0]]) - [40, 359, left]).max() <= 3
    x, y, width, height = map(int, answer.headers["x-crop-box"].split(","))
    scale = 100 / 320  # pixels of the upload a pixel of the canvas
    expected = [100 - left * scale, 50 - 40 * scale, 500 * scale, 400 * scale]
    assert np.abs(np.array([x, y, width, height]) - expected).max() <= 3


def test_a_canvas_without_a_crop_holds_the_whole_image(client: TestClient) -> None:
    data = {"canvas": "100x100", "channels": "alpha", "invert": "true", "threshold": "0.5"}
    answer = client.post("/cutout", files={"file": encoded(disc(300, 200))}, data=data)
    alpha = decoded(answer.content)
    assert alpha.shape == (100, 100)
    assert np.flatnonzero(alpha[:, 2]).tolist() == list(range(16, 83))


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        ({"canvas": "2000x2000"}, 413, "the canvas of 2000x2000 has 4000000 pixels"),
        ({"canvas": "100x0"}, 422, "write it as 2000x1500"),
        ({"canvas": "100x16385"}, 422, "write it as 2000x1500"),
        ({"canvas": "100x100", "size": "50"}, 422, "canvas and size exclude each other"),
        ({"canvas": "100x100", "scale": "0.5"}, 422, "canvas and scale exclude each other"),
        ({"canvas": "90x90", "margin": "45px"}, 422, "margin 45px leave nothing of a canvas"),
        (
            {"canvas": "90x90", "crop": "true", "margin": "40px", "outline": "5px"},
            422,
            "margin 40px and an outline of 5 px leave nothing of a canvas of 90x90",
        ),
    ],
)
def test_a_canvas_that_cannot_be_is_refused(
    client: TestClient, data: dict[str, str], status: int, said: str
) -> None:
    answer = client.post("/cutout", files={"file": encoded(disc(300, 200))}, data=data)
    assert answer.status_code == status
    assert said in answer.text


def test_an_outline_that_leaves_nothing_is_refused(client: TestClient) -> None:
    data = {"outline": "8px", "crop": "true", "size": "16"}
    answer = client.post("/cutout", files={"file": encoded(disc(300, 200))}, data=data)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")
    assert "8 px at each side leave nothing of a size of 16 px" in answer.json()["detail"]


@pytest.mark.parametrize("form", ["jpeg", "webp", "zip"])
def test_quality_is_that_of_lossy_files(client: TestClient, form: str) -> None:
    noise = np.random.default_rng(1).integers(100, 256, (64, 96, 3), np.uint8)
    sizes = [
        len(
            client.post(
                "/cutout", files={"file": encoded(noise)}, data={"format": form, **quality}
            ).content
        )
        for quality in ({"quality": "10"}, {}, {"quality": "100"})
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[1] < sizes[2]


def two_discs() -> bytes:
    """Bright discs in the left and the right half."""
    return encoded(np.hstack([disc(150, 200), disc(150, 200)]))


@pytest.mark.parametrize("path", ["/mask", "/cutout"])
@pytest.mark.parametrize(
    ("data", "left", "right"),
    [
        ({}, 255, 255),
        ({"points": "25% 50%"}, 255, 0),
        ({"points": "75px 100px -"}, 0, 255),
        ({"points": "25% 50% +;75% 50% +"}, 255, 255),
        ({"box": "50% 0 100% 100%"}, 0, 255),
        ({"box": "0 0 50% 100%", "refine": "false"}, 255, 0),
        ({"points": "25% 50% +", "invert": "true"}, 0, 255),
    ],
)
def test_of_several_subjects_the_one_that_is_meant(
    client: TestClient, path: str, data: dict[str, str], left: int, right: int
) -> None:
    answer = client.post(path, files={"file": two_discs()}, data=data)
    assert answer.status_code == 200, answer.text
    pixels = decoded(answer.content)
    alpha = pixels if path == "/mask" else pixels[:, :, 3]
    assert (alpha[100, 75], alpha[100, 225]) == (left, right)
    assert alpha[5, 5] == (255 if "invert" in data else 0)


def test_outside_of_a_box_nothing_is_kept_to_the_pixel(client: TestClient) -> None:
    data = {"box": "140px 30px 230px 150px"}
    answer = decoded(client.post("/mask", files={"file": two_discs()}, data=data).content)
    inside = np.zeros_like(answer)
    inside[30:150, 140:230] = answer[30:150, 140:230]
    np.testing.assert_array_equal(answer, inside)
    assert answer[100, 229] > 250


def test_where_nothing_was_seen_at_a_point_it_is_looked_at_from_nearer_by() -> None:
    predictor = Watching()
    with TestClient(create_app(Settings(), lambda _: [predictor])) as client:
        for points in ("25% 50%", "90% 10%"):
            data = {"points": points}
            assert client.post("/mask", files={"file": two_discs()}, data=data).status_code == 200
    assert predictor.seen == [(200, 300), (200, 300), (100, 150)]


@pytest.mark.parametrize(
    ("data", "code", "told"),
    [
        (
            {"points": "25 50"},
            "invalid_option",
            "'25 50' is not a list of points; write it as x y +",
        ),
        (
            {"points": "400px 5px"},
            "region_out_of_bounds",
            "400 5 lies beyond the image's 300 x 200",
        ),
        ({"box": "0 0 400px 5px"}, "region_out_of_bounds", "box '0 0 400px 5px' reaches beyond"),
        ({"box": "9px 9px 5px 99px"}, "region_empty", "box '9px 9px 5px 99px' has no pixel"),
        ({"box": "0 0 9px 9px", "roi": "0 0 9px 9px"}, "invalid_option", "roi and box exclude"),
    ],
)
def test_a_choice_that_cannot_be_made_is_told_why(
    client: TestClient, data: dict[str, str], code: str, told: str
) -> None:
    answer = client.post("/cutout", files={"file": two_discs()}, data=data)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert told in answer.json()["detail"]


def test_what_of_an_upload_is_missing_is_said(client: TestClient) -> None:
    frames = [Pillow.new("L", (48, 32), value) for value in (0, 90, 255)]
    moving, whole = io.BytesIO(), encoded(disc())
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    for route in ("/cutout", "/mask", "/predict"):
        answer = client.post(route, files={"file": moving.getvalue()})
        assert answer.headers["X-Frames-Dropped"] == "2"
        cut = client.post(route, files={"file": whole[:-3]})
        assert cut.headers["X-Rows-Decoded"] == str(len(disc()))
        headers = client.post(route, files={"file": whole}).headers
        assert "X-Frames-Dropped" not in headers
        assert "X-Rows-Decoded" not in headers


def test_every_frame_of_an_animation_is_cut_out_where_that_is_asked_for(client: TestClient) -> None:
    for form, kind in (("webp", "image/webp"), ("gif", "image/gif"), ("auto", "image/gif")):
        data = {"frames": "all", "format": form}
        answer = client.post("/cutout", files={"file": animated("GIF")}, data=data)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
        assert "X-Frames-Dropped" not in answer.headers
        assert answer.headers["X-Subject-Found"] == "true"
        assert play(answer.content).times == TIMES
    refused = client.post(
        "/cutout", files={"file": animated("GIF")}, data={"frames": "all", "format": "jpeg"}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_option")


def test_an_animation_of_more_frames_than_the_operator_allows_is_refused() -> None:
    settings = Settings(max_frames=2, log_format="text")
    with TestClient(create_app(settings, bright_predictors)) as client:
        sent = {"file": animated("PNG")}
        answer = client.post("/cutout", files=sent, data={"frames": "all"})
        assert (answer.status_code, answer.json()["code"]) == (413, "image_too_large")
        assert "3 frames; the limit is 2" in answer.json()["detail"]
        assert client.post("/cutout", files=sent).headers["X-Frames-Dropped"] == "2"
