"""What clients of remove.bg's API expect of `/v1.0/removebg` and `/v1.0/account`."""

import asyncio
import base64
import io
import time
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient

from app.api.compat.removebg.fields import SOURCES
from app.api.compat.removebg.translate import native_options
from tests.support.broken import huge_png
from tests.support.calls import every_place_taken, fetching
from tests.support.images import decoded, disc, encoded
from tests.support.internet import PRIVATE, Names, fetcher, redirect, response, serving

PATH = "/v1.0/removebg"


def scene(width: int = 640, height: int = 320, *boxes: tuple[int, int, int, int]) -> bytes:
    """White rectangles (left, top, width, height) on dark red, as a PNG."""
    image = np.full((height, width, 3), (120, 0, 0), np.uint8)
    for left, top, across, down in boxes or ((240, 80, 160, 160),):
        image[top : top + down, left : left + across] = 255
    return encoded(image)


SCENE = scene()
TWO = scene(640, 320, (80, 80, 160, 160), (400, 80, 160, 160))
BLUE = encoded(np.full((10, 10, 3), (0, 0, 250), np.uint8))


def remove(client: TestClient, upload: bytes = SCENE, /, **fields: str) -> Any:
    return client.post(PATH, files={"image_file": ("a.png", upload)}, data=fields)


def pixels(answer: Any) -> NDArray[np.uint8]:
    assert answer.status_code == 200, answer.text
    return decoded(answer.content)


def error(answer: Any, status: int = 400) -> str:
    """The code of the one error, after a look at the envelope."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"errors"}
    (item,) = answer.json()["errors"]
    assert {"title", "code"} <= item.keys() <= {"title", "code", "detail"}
    assert all(isinstance(value, str) and value for value in item.values())
    return str(item["code"])


def visible(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """(left, top, width, height) of what is more than half there, of a cut-out or a grey image."""
    alpha = image if image.ndim == 2 else image[:, :, 3]
    rows, columns = np.nonzero(alpha >= 128)
    return int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def near(found: tuple[int, ...], wanted: tuple[int, ...], tolerance: int = 24) -> bool:
    """The stand-in sees 32 x 32 cells: an edge may be off by about one."""
    return bool(np.abs(np.subtract(found, wanted)).max() <= tolerance)


# -- the source
# --------------------------------------------------------------------------------------

B64 = base64.b64encode(SCENE).decode()


@pytest.mark.parametrize(
    "text",
    [
        B64,
        f"data:image/png;base64,{B64}",
        "\n".join(B64[start : start + 76] for start in range(0, len(B64), 76)),
        base64.urlsafe_b64encode(SCENE).decode().rstrip("="),
        B64.replace("+", " "),
    ],
    ids=["plain", "data URL", "lines", "URL-safe", "spaces"],
)
@pytest.mark.parametrize("body", ["json", "data", "multipart"])
def test_a_image_may_come_in_base64_in_every_kind_of_body(
    client: TestClient, text: str, body: str
) -> None:
    fields = {"image_file_b64": text, "size": "auto"}
    if body == "multipart":
        answer = client.post(PATH, files={name: (None, value) for name, value in fields.items()})
    else:
        answer = client.request("POST", PATH, **{body: fields})  # type: ignore[arg-type]
    assert np.array_equal(pixels(answer), pixels(remove(client, size="auto")))


@pytest.mark.parametrize("body", ["json", "data", "multipart"])
def test_base64_may_be_longer_than_a_form_s_usual_text(client: TestClient, body: str) -> None:
    noise = np.random.default_rng(0).integers(128, 256, (600, 600, 3), np.uint8)
    text = base64.b64encode(encoded(noise)).decode()
    assert len(text) > 1 << 20
    files = {"image_file_b64": (None, text)}
    answer = (
        client.post(PATH, files=files)
        if body == "multipart"
        else client.request(
            "POST",
            PATH,
            **{body: {"image_file_b64": text}},  # type: ignore[arg-type]
        )
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "fields", [{}, {"image_url": ""}, {"image_file_b64": "", "size": "auto"}, {"image": "x"}]
)
@pytest.mark.parametrize("body", ["json", "data"])
def test_a_source_is_needed(client: TestClient, body: str, fields: dict[str, str]) -> None:
    assert error(client.request("POST", PATH, **{body: fields})) == "missing_source"  # type: ignore[arg-type]


def test_a_file_that_was_not_chosen_is_no_source(client: TestClient) -> None:
    nothing = (
        b'--b\r\ncontent-disposition: form-data; name="image_file"; filename=""\r\n'
        b"content-type: application/octet-stream\r\n\r\n\r\n--b--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert error(client.post(PATH, content=nothing, headers=headers)) == "missing_source"


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)])
def test_only_one_source_may_be_given(client: TestClient, pair: tuple[int, int]) -> None:
    values = {
        "image_file": ("a.png", SCENE),
        "image_url": (None, "http://a.example/"),
        "image_file_b64": (None, B64),
    }
    files: Any = {SOURCES[index]: values[SOURCES[index]] for index in pair}
    assert error(client.post(PATH, files=files)) == "multiple_sources"


@pytest.mark.parametrize(
    ("upload", "code"),
    [
        (b"this is no image", "invalid_file_type"),
        (b"", "invalid_file_type"),
        (encoded(disc(400, 300), ".jpg")[:2000], "failed_to_read_image"),
        (huge_png(), "resolution_too_high"),
        (bytes(3_000_001), "file_too_large"),
        (SCENE[:16] + bytes(8) + SCENE[24:], "invalid_dimensions"),
        (scene(64, 64, (0, 0, 1, 1)), "unknown_foreground"),
    ],
    ids=["text", "empty", "cut off", "huge", "over the cap", "no pixels", "nothing there"],
)
def test_what_can_t_be_used_is_refused_by_its_code(
    client: TestClient, upload: bytes, code: str
) -> None:
    assert error(remove(client, upload)) == code


@pytest.mark.parametrize("body", ["data", "files"])
def test_base64_in_a_field_of_another_name_is_told_the_right_one(
    client: TestClient, body: str
) -> None:
    field: Any = B64 + "A" * 9000
    fields = {"image_base64": field if body == "data" else (None, field)}
    answer = client.post(PATH, **{body: fields})  # type: ignore[arg-type]
    assert error(answer) == "malformed_request"
    detail = answer.json()["errors"][0]["detail"]
    assert "as image_file_b64" in detail
    assert "image_base64=@" not in detail


def test_rubbish_instead_of_base64_or_json_is_refused(client: TestClient) -> None:
    assert error(client.post(PATH, json={"image_file_b64": "!?"})) == "failed_to_read_image"
    json_header = {"content-type": "application/json"}
    for body in (b"{", b"[]", b"\xff", b"[" * 100_000):
        assert error(client.post(PATH, content=body, headers=json_header)) == "malformed_request"
    multipart = {"content-type": "multipart/form-data; boundary=b"}
    assert error(client.post(PATH, content=b"--x", headers=multipart)) == "malformed_request"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (rb'{"image_url": "http://a/\ud800"}', "malformed_request"),
        (rb'{"image_file": "aa\ud800"}', "malformed_request"),
        (rb'{"image_file_b64": "aa\ud800"}', "malformed_request"),
        (rb'{"\ud800": "aa"}', "missing_source"),
        (rb'{"image_file_b64": ["aa"]}', "malformed_request"),
        (b'{"a": [' + b"{}," * 100_000 + b"0]}", "malformed_request"),
    ],
)
def test_json_that_can_t_be_used_is_refused(client: TestClient, body: bytes, code: str) -> None:
    assert (
        error(client.post(PATH, content=body, headers={"content-type": "application/json"})) == code
    )


@pytest.mark.parametrize("body", ["json", "data", "multipart", "file"])
@pytest.mark.parametrize("name", ["image_url", "roi", "bg_color", "crop_margin"])
def test_only_images_may_be_long(client: TestClient, body: str, name: str) -> None:
    fields = {"image_file_b64": B64, name: "1," * 5000}
    if body in ("json", "data"):
        answer = client.request("POST", PATH, **{body: fields})  # type: ignore[arg-type]
    else:
        filename = "a" if body == "file" else None
        answer = client.post(
            PATH, files={"image_file_b64": (None, B64), name: (filename, fields[name])}
        )
    assert error(answer) == "malformed_request"
    assert name in answer.text


@pytest.mark.parametrize("body", ["json", "data", "multipart"])
def test_base64_has_no_other_characters(client: TestClient, body: str) -> None:
    text = f"\U0001f600{B64}"
    if body == "multipart":
        answer = client.post(PATH, files={"image_file_b64": (None, text)})
    else:
        answer = client.request("POST", PATH, **{body: {"image_file_b64": text}})  # type: ignore[arg-type]
    assert error(answer) == "failed_to_read_image"


@pytest.mark.parametrize("name", ["image_file_b64", "more"])
def test_percent_signs_cost_no_more_than_their_bytes(client: TestClient, name: str) -> None:
    body = name.encode() + b"=" + b"%41" * 900_000
    headers = {"content-type": "application/x-www-form-urlencoded"}
    tracemalloc.start()
    try:
        answer = client.post(PATH, content=body, headers=headers)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (
        error(answer) == {"image_file_b64": "invalid_file_type", "more": "malformed_request"}[name]
    )
    assert peak < 8 * len(body)


# -- the answer
# --------------------------------------------------------------------------------------


def test_the_answer_has_the_headers_that_clients_read(client: TestClient) -> None:
    answer = remove(client, scene(1000, 640, (400, 200, 200, 200)))
    numbers = {
        name: int(answer.headers[f"x-{name}"])
        for name in ("width", "height", "max-width", "max-height")
    }
    assert numbers == {"width": 625, "height": 400, "max-width": 1000, "max-height": 640}
    assert answer.headers["x-credits-charged"] == "0"
    assert answer.headers["x-type"] == "other"
    limit = {
        name: int(answer.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset")
    }
    assert limit["limit"] == limit["remaining"] == 4
    assert abs(limit["reset"] - time.time()) < 60
    box = tuple(
        int(answer.headers[f"x-foreground-{name}"]) for name in ("left", "top", "width", "height")
    )
    assert near(box, (400, 200, 200, 200), 64)
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    ("accept", "as_json"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("application/json, text/plain, */*", False),
        ("image/png, application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
def test_json_is_for_clients_that_accept_nothing_else(
    client: TestClient, accept: str, as_json: bool
) -> None:
    answer = client.post(PATH, files={"image_file": SCENE}, headers={"accept": accept})
    if not as_json:
        assert answer.content.startswith(b"\x89PNG")
        return
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {"data"}
    assert answer.json()["data"].keys() == {"result_b64"}
    assert base64.b64decode(answer.json()["data"]["result_b64"]).startswith(b"\x89PNG")
    assert answer.headers["x-width"] == "640"


@pytest.mark.parametrize(
    ("fields", "media_type", "channels"),
    [
        ({}, "image/png", 4),
        ({"format": "auto"}, "image/png", 4),
        ({"format": "auto", "bg_color": "fff"}, "image/jpeg", 3),
        ({"format": "auto", "bg_color": "fff8"}, "image/png", 4),
        ({"format": "png"}, "image/png", 4),
        ({"format": "png", "bg_color": "fff"}, "image/png", 3),
        ({"format": "jpg"}, "image/jpeg", 3),
        ({"format": "jpg", "bg_color": "f008"}, "image/jpeg", 3),
        ({"format": "webp"}, "image/webp", 4),
    ],
)
def test_formats(
    client: TestClient, fields: dict[str, str], media_type: str, channels: int
) -> None:
    answer = remove(client, **fields)
    assert answer.headers["content-type"] == media_type
    assert pixels(answer).shape == (320, 640, channels)


def test_jpg_is_on_white_where_no_background_is_given(client: TestClient) -> None:
    assert pixels(remove(client, format="jpg"))[4, 4].min() > 250


@pytest.mark.parametrize("fields", [{}, {"channels": "alpha"}, {"crop": "true"}])
def test_a_zip_has_exactly_two_entries_of_the_announced_size(
    client: TestClient, fields: dict[str, str]
) -> None:
    answer = remove(client, format="zip", **fields)
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["color.jpg", "alpha.png"]
        color, alpha = decoded(archive.read("color.jpg")), decoded(archive.read("alpha.png"))
    size = (int(answer.headers["x-height"]), int(answer.headers["x-width"]))
    assert (color.shape, alpha.shape) == ((*size, 3), size)
    assert alpha[size[0] // 2, size[1] // 2] == 255


@pytest.fixture(scope="module")
def large() -> bytes:
    image = np.zeros((2800, 4200), np.uint8)
    image[1000:2000, 1400:2800] = 255
    return encoded(image, ".jpg")


@pytest.mark.parametrize(
    ("size", "form", "wanted"),
    [
        ("preview", "png", (612, 408)),
        ("medium", "png", (1500, 1000)),
        ("hd", "jpg", (2449, 1632)),
        ("full", "png", (3872, 2581)),
        ("full", "jpg", (4200, 2800)),
    ],
)
def test_sizes_are_limits_in_megapixels(
    client: TestClient, large: bytes, size: str, form: str, wanted: tuple[int, int]
) -> None:
    answer = remove(client, large, size=size, format=form)
    assert pixels(answer).shape[1::-1] == wanted
    assert (int(answer.headers["x-width"]), int(answer.headers["x-height"])) == wanted
    most = (3872, 2581) if form == "png" else (4200, 2800)
    assert near((int(answer.headers["x-max-width"]), int(answer.headers["x-max-height"])), most, 1)


@pytest.mark.parametrize(("color", "wanted"), [("fff", (4200, 2800)), ("ffffff80", (3872, 2581))])
def test_only_what_nothing_shows_through_may_have_more_megapixels(
    client: TestClient, large: bytes, color: str, wanted: tuple[int, int]
) -> None:
    answer = remove(client, large, size="full", bg_color=color)
    assert pixels(answer).shape[1::-1] == wanted
    assert (int(answer.headers["x-max-width"]), int(answer.headers["x-max-height"])) == wanted


@pytest.mark.parametrize(
    ("fields", "megapixels"),
    [
        ({}, 0.25),
        *(({"size": name}, 0.25) for name in ("preview", "small", "regular")),
        ({"size": "medium"}, 1.5),
        ({"size": "hd"}, 4),
        *(
            ({"size": name, "format": form}, 10)
            for name in ("full", "4k", "auto")
            for form in ("auto", "png")
        ),
        *(
            ({"size": name, "format": form}, 25)
            for name in ("full", "4k", "auto")
            for form in ("jpg", "zip")
        ),
        ({"size": "full", "format": "auto", "bg_color": "fff"}, 25),
        ({"size": "full", "format": "auto", "bg_image_file": b"x"}, 25),
        ({"size": "50MP"}, 50),
    ],
)
def test_every_size_stands_for_its_limit(fields: dict[str, str | bytes], megapixels: float) -> None:
    assert native_options(fields).options.megapixels == megapixels


def test_no_size_enlarges(client: TestClient) -> None:
    assert pixels(remove(client, size="full")).shape[:2] == (320, 640)


@pytest.mark.parametrize(
    ("fields", "x_type"),
    [
        ({}, "other"),
        ({"type": "auto"}, "other"),
        ({"type": "person"}, "person"),
        ({"type": "product", "type_level": "2"}, "product"),
        ({"type": "car_interior"}, "car"),
        ({"type": "car_interior", "type_level": "1"}, "car"),
        ({"type": "car_interior", "type_level": "latest"}, "car_interior"),
        ({"type": "graphics"}, "other"),
        ({"type": "a new one"}, "other"),
        ({"type": "person", "type_level": "none"}, None),
    ],
)
def test_x_type_repeats_what_was_asked_for(
    client: TestClient, fields: dict[str, str], x_type: str | None
) -> None:
    assert remove(client, **fields).headers.get("x-type") == x_type


# -- where the subject is, and goes
# ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roi", "box"),
    [
        ("0% 0% 100% 100%", (80, 80, 480, 160)),
        ("0 0 100% 100%", (80, 80, 480, 160)),
        ("0% 0% 50% 100%", (80, 80, 160, 160)),
        ("50% 0 100% 100%", (400, 80, 160, 160)),
        ("320px 0px 640px 320px", (400, 80, 160, 160)),
        ("320 0 640 320", (400, 80, 160, 160)),
        ("0,0,320px,50%", (80, 80, 160, 80)),
    ],
)
def test_outside_the_region_of_interest_all_is_background(
    client: TestClient, roi: str, box: tuple[int, int, int, int]
) -> None:
    assert near(visible(pixels(remove(client, TWO, roi=roi))), box)


def test_a_region_in_pixels_is_one_of_the_upload_s(client: TestClient) -> None:
    upload = scene(2000, 1000, (200, 200, 500, 500), (1300, 200, 500, 500))
    answer = remove(client, upload, roi="1000px 0px 2000px 1000px")
    assert pixels(answer).shape[1] < 1000
    assert int(answer.headers["x-foreground-left"]) > 1000


@pytest.mark.parametrize(
    ("margin", "room"),
    [
        (None, (0, 0, 0, 0)),
        ("30px", (30, 30, 30, 30)),
        ("30", (30, 30, 30, 30)),
        ("10%", (0.1, 0.1, 0.1, 0.1)),
        ("10px 20px", (10, 20, 10, 20)),
        ("10px,20px", (10, 20, 10, 20)),
        ("1px 50% 3px 10%", (1, 0.5, 3, 0.1)),
        ("500px", (500, 500, 500, 500)),
    ],
)
def test_a_crop_has_the_margin_asked_for(
    client: TestClient, margin: str | None, room: tuple[float, ...]
) -> None:
    """Room in pixels, or below 1 as a share of the subject's height or width."""
    fields = {} if margin is None else {"crop_margin": margin}
    height, width = pixels(remove(client, crop="true")).shape[:2]
    assert near((height, width), (160, 160), 40)
    sides = (height, width, height, width)
    above, right, below, left = (
        round(size * side) if size < 1 else size for size, side in zip(room, sides, strict=True)
    )
    shape = pixels(remove(client, crop="true", **fields)).shape
    assert shape[:2] == (height + above + below, width + left + right)
    assert pixels(remove(client, **fields)).shape[:2] == (
        320,
        640,
    )  # without a crop it has no effect


@pytest.mark.parametrize(
    ("crop", "cropped"), [("true", 1), ("1", 1), ("True", 1), ("false", 0), ("0", 0), ("", 0)]
)
def test_crop_is_a_flag(client: TestClient, crop: str, cropped: int) -> None:
    assert (pixels(remove(client, crop=crop)).shape[1] < 640) == cropped
    assert pixels(client.post(PATH, json={"image_file_b64": B64, "crop": True})).shape[1] < 640


@pytest.mark.parametrize(
    ("fields", "box"),
    [
        ({}, (240, 80, 160, 160)),
        ({"scale": "original", "position": "original"}, (240, 80, 160, 160)),
        ({"scale": "100%"}, (160, 0, 320, 320)),
        ({"scale": "50%"}, (240, 80, 160, 160)),
        ({"scale": "25%"}, (280, 120, 80, 80)),
        ({"scale": "25%", "position": "original"}, (280, 120, 80, 80)),
        ({"scale": "25%", "position": "0%"}, (0, 0, 80, 80)),
        ({"position": "0%"}, (0, 0, 160, 160)),
        ({"position": "100%"}, (480, 160, 160, 160)),
        ({"position": "0% 100%"}, (0, 160, 160, 160)),
        ({"position": "100%,0%"}, (480, 0, 160, 160)),
    ],
)
def test_scale_and_position(
    client: TestClient, fields: dict[str, str], box: tuple[int, int, int, int]
) -> None:
    image = pixels(remove(client, **fields))
    assert image.shape[:2] == (320, 640)
    assert near(visible(image), box)


def test_position_center_centres(client: TestClient) -> None:
    off_centre = scene(640, 320, (40, 20, 160, 160))
    assert near(visible(pixels(remove(client, off_centre, position="center"))), (240, 80, 160, 160))


@pytest.mark.parametrize("form", ["auto", "png", "jpg"])
def test_channels_alpha_gives_the_mask(client: TestClient, form: str) -> None:
    mask = pixels(remove(client, channels="alpha", format=form, bg_color="f00"))
    assert mask.ndim == 2
    assert (mask[160, 320], mask[4, 4]) == (255, 0)
    assert pixels(remove(client, channels="alpha", crop="true")).shape[1] < 640
    assert pixels(remove(client, channels="rgba")).shape[2] == 4


# -- the background
# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("color", "corner"),
    [
        ("f00", [255, 0, 0]),
        ("#0f0", [0, 255, 0]),
        ("0000ff", [0, 0, 255]),
        ("#0000FF", [0, 0, 255]),
        ("0000ffff", [0, 0, 255]),
        ("00f8", [0, 0, 255, 136]),
        ("#0000ff80", [0, 0, 255, 128]),
        ("81d4fa77", [0x81, 0xD4, 0xFA, 0x77]),
        ("green", [0, 128, 0]),
        ("RebeccaPurple", [102, 51, 153]),
        ("transparent", [0, 0, 0, 0]),
        ("fff0", [0, 0, 0, 0]),
    ],
)
def test_colours(client: TestClient, color: str, corner: list[int]) -> None:
    assert pixels(remove(client, bg_color=color, format="png"))[4, 4].tolist() == corner


def test_a_image_behind_is_scaled_to_cover(client: TestClient) -> None:
    files = {"image_file": SCENE, "bg_image_file": BLUE}
    image = pixels(client.post(PATH, files=files, data={"format": "png"}))
    assert image.shape == (320, 640, 3)
    assert image[4, 4].tolist() == image[-4, -4].tolist() == [0, 0, 250]
    assert image[160, 320].min() > 250


@pytest.mark.parametrize(
    "given",
    [
        ("bg_color", "bg_image_url"),
        ("bg_color", "bg_image_file"),
        ("bg_image_url", "bg_image_file"),
    ],
)
def test_only_one_background_may_be_given(client: TestClient, given: tuple[str, str]) -> None:
    values = {
        "bg_color": (None, "f00"),
        "bg_image_url": (None, "http://a.example/"),
        "bg_image_file": ("b.png", BLUE),
    }
    files: Any = {"image_file": SCENE, **{name: values[name] for name in given}}
    assert error(client.post(PATH, files=files)) == "multiple_bg_sources"


def test_an_option_sent_as_a_file_is_an_option(client: TestClient) -> None:
    files: Any = {"image_file": SCENE, "bg_color": ("color.txt", b"f00")}
    assert pixels(client.post(PATH, files=files)).shape[2] == 3
    files = {"image_file": SCENE, "size": ("size.txt", b"huge")}
    assert error(client.post(PATH, files=files)) == "invalid_size"


def test_a_colour_that_can_t_be_seen_counts_as_none(client: TestClient) -> None:
    files = {"image_file": SCENE, "bg_image_file": BLUE}
    assert pixels(client.post(PATH, files=files, data={"bg_color": "ffffff00"})).shape[2] == 3


def test_a_background_that_is_no_image_is_refused(client: TestClient) -> None:
    assert (
        error(client.post(PATH, files={"image_file": SCENE, "bg_image_file": b"no"}))
        == "invalid_file_type"
    )


# -- what is refused, ignored, or without effect
# ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("size", "huge", "invalid_size"),
        ("format", "gif", "invalid_format"),
        ("format", "jpeg2000", "invalid_format"),
        ("channels", "rgb", "invalid_channels"),
        ("roi", "0 0 100%", "invalid_roi"),
        ("roi", "0% 0% 101% 100%", "invalid_roi"),
        ("roi", "a b c d", "invalid_roi"),
        ("roi", "0px 0px 641px 320px", "roi_exceeds_bounds"),
        ("roi", "0 0 100% 321px", "roi_exceeds_bounds"),
        ("roi", "50% 0% 50% 100%", "roi_region_empty"),
        ("roi", "10px 10px 10px 10px", "roi_region_empty"),
        ("crop_margin", "51%", "invalid_crop_margin"),
        ("crop_margin", "501px", "invalid_crop_margin"),
        ("crop_margin", "1px 2px 3px", "invalid_crop_margin"),
        ("crop_margin", "-5px", "invalid_crop_margin"),
        ("crop_margin", "0.1", "invalid_crop_margin"),
        ("crop_margin", "wide", "invalid_crop_margin"),
        ("scale", "9%", "invalid_scale"),
        ("scale", "101%", "invalid_scale"),
        ("scale", "0.5", "invalid_scale"),
        ("scale", "big", "invalid_scale"),
        ("position", "101%", "invalid_position"),
        ("position", "left", "invalid_position"),
        ("position", "1% 2% 3%", "invalid_position"),
        ("bg_color", "ggg", "invalid_bg_color"),
        ("bg_color", "12345", "invalid_bg_color"),
        ("bg_color", "bluish", "invalid_bg_color"),
        ("semitransparency", "perhaps", "invalid_semitransparency"),
        ("bg_image_url", "nowhere", "invalid_bg_image_url"),
    ],
)
def test_a_value_that_a_field_does_not_take_is_refused_by_its_code(
    client: TestClient, name: str, value: str, code: str
) -> None:
    assert error(remove(client, **{name: value})) == code


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("type", "car", True),
        ("type", "auto", False),
        ("type_level", "3", True),
        ("add_shadow", "false", False),
        ("add_shadow", "perhaps", True),
        ("shadow_method", "legacy", True),
        ("shadow_type", "none", False),
        ("shadow_type", "long", True),
        ("shadow_opacity", "50", True),
        ("semitransparency", "true", False),
        ("semitransparency", "false", True),
        ("crop", "perhaps", True),
    ],
)
def test_what_has_no_effect_is_named(
    client: TestClient, name: str, value: str, named: bool
) -> None:
    answer = remove(client, **{name: value})
    assert answer.headers.get("x-without-effect") == (name if named else None)
    assert np.array_equal(pixels(answer), pixels(remove(client)))


@pytest.mark.parametrize(
    "fields",
    [
        {"add_shadow": "true"},
        {"shadow_type": "drop"},
        {"add_shadow": "true", "type": "car"},
    ],
)
def test_a_shadow_that_was_asked_for_is_there(client: TestClient, fields: dict[str, str]) -> None:
    answer = remove(client, **fields)
    assert "x-without-effect" not in answer.headers
    assert pixels(answer)[:, :, 3].sum() > pixels(remove(client))[:, :, 3].sum()


def test_unknown_fields_are_ignored(client: TestClient) -> None:
    assert remove(client, image_base64="x", anything="else").status_code == 200
    answer = client.post(
        PATH, json={"image_file_b64": B64, "crop": None, "more": {"a": [1]}, "number": 3}
    )
    assert answer.status_code == 200


def test_null_in_json_is_a_field_that_was_not_sent(client: TestClient) -> None:
    unset = dict.fromkeys(("image_file", "image_url", "bg_image_file", "bg_color", "size"))
    assert client.post(PATH, json={**unset, "image_file_b64": B64}).status_code == 200
    assert error(client.post(PATH, json={**unset, "image_file_b64": None})) == "missing_source"


def test_errors_of_the_framework_have_the_same_envelope(client: TestClient) -> None:
    with every_place_taken(client):
        full = remove(client)
    assert error(full, 429) == "rate_limit_exceeded"
    assert int(full.headers["retry-after"]) >= 1
    assert full.headers["x-ratelimit-remaining"] == "0"
    assert abs(int(full.headers["x-ratelimit-reset"]) - time.time()) < 60
    assert error(client.get(PATH), 405) == "method_not_allowed"


def test_native_routes_keep_their_own_shape_of_error(client: TestClient) -> None:
    assert client.post("/cutout").headers["content-type"] == "application/problem+json"


# -- keys and the account
# --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{}, {"X-Api-Key": "wrong-key"}, {"Authorization": "Bearer wrong-key"}]
)
def test_without_a_known_key_the_answer_is_403(locked: TestClient, headers: dict[str, str]) -> None:
    for answer in (
        locked.post(PATH, files={"image_file": SCENE}, headers=headers),
        locked.get("/v1.0/account", headers=headers),
    ):
        assert error(answer, 403) == "auth_failed"
        assert answer.json()["errors"] == [{"title": "API Key invalid", "code": "auth_failed"}]


@pytest.mark.parametrize(
    "headers", [{"X-Api-Key": "right-key"}, {"Authorization": "Bearer right-key"}]
)
def test_a_known_key_opens(locked: TestClient, headers: dict[str, str]) -> None:
    assert locked.post(PATH, files={"image_file": SCENE}, headers=headers).status_code == 200
    assert locked.get("/v1.0/account", headers=headers).status_code == 200


def test_the_account_has_exactly_the_keys_that_clients_unpack(client: TestClient) -> None:
    answer = client.get("/v1.0/account", headers={"X-Api-Key": "any"}).json()
    assert answer.keys() == {"data"}
    assert answer["data"].keys() == {"attributes"}
    attributes = answer["data"]["attributes"]
    assert attributes.keys() == {"credits", "api"}
    credits_left = attributes["credits"]
    assert credits_left.keys() == {"total", "subscription", "payg", "enterprise"}
    assert credits_left["total"] == sum(
        credits_left[name] for name in ("subscription", "payg", "enterprise")
    )
    assert attributes["api"].keys() == {"free_calls", "sizes"}
    assert attributes["api"]["sizes"] == "all"


# -- URLs
# --------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["json", "data"])
def test_images_may_come_by_url(body: str) -> None:
    async def job() -> Any:
        pages = {"/a.png": response(SCENE), "/b.png": response(BLUE), "/moved": redirect("/a.png")}
        async with serving(pages) as server, fetching(fetcher()) as client:
            base = f"http://images.example:{server.port}"
            fields = {
                "image_url": f"{base}/moved",
                "bg_image_url": f"{base}/b.png",
                "format": "png",
            }
            return await client.request("POST", PATH, **{body: fields})  # type: ignore[arg-type]

    image = pixels(asyncio.run(job()))
    assert image[4, 4].tolist() == [0, 0, 250]
    assert image[160, 320].min() > 250


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"image_url": "ftp://images.example/a.png"}, "invalid_image_url"),
        ({"image_url": "a.png"}, "invalid_image_url"),
        ({"image_url": "{base}/missing"}, "failed_image_download"),
        ({"image_url": "{base}/inside"}, "failed_image_download"),
        ({"image_url": "http://inside.example:{port}/a.png"}, "failed_image_download"),
        ({"image_url": "{base}/page"}, "invalid_file_type"),
        ({"image_url": "{base}/a.png", "bg_image_url": "file:///b.png"}, "invalid_bg_image_url"),
        ({"image_url": "{base}/a.png", "bg_image_url": "{base}/missing"}, "failed_bg_download"),
        ({"image_url": "{base}/a.png", "bg_image_url": "{base}/inside"}, "failed_bg_download"),
    ],
)
def test_urls_that_can_t_or_mustn_t_be_fetched(fields: dict[str, str], code: str) -> None:
    pages = {
        "/a.png": response(SCENE),
        "/missing": response(status="404 Not Found"),
        "/page": response(b"<html>"),
        "/inside": redirect("http://inside.example/"),
    }
    names = Names(images_example=[["127.0.0.1"]], inside_example=[[PRIVATE]])

    async def job() -> Any:
        async with serving(pages) as server, fetching(fetcher(names)) as client:
            places = {"base": f"http://images.example:{server.port}", "port": server.port}
            return await client.post(
                PATH, data={name: url.format(**places) for name, url in fields.items()}
            )

    assert error(asyncio.run(job())) == code


def test_urls_are_off_by_default(client: TestClient) -> None:
    for name, code in (
        ("image_url", "failed_image_download"),
        ("bg_image_url", "failed_bg_download"),
    ):
        sources = {} if name == "image_url" else {"image_file_b64": B64}
        answer = client.post(PATH, data={name: "http://images.example/a.png", **sources})
        assert error(answer) == code
        assert "CUTOUT_ALLOW_URLS" in answer.text
    assert error(client.post(PATH, data={"image_url": "gopher://a/"})) == "invalid_image_url"
