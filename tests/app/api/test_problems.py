"""What a client can do wrong: each a 4xx problem with its code, and the server goes on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.support.broken import huge_png
from tests.support.images import disc, encoded

IMAGE = encoded(disc())
BAD = {
    "text": (b"this is no image", 415, "unsupported_format"),
    "empty": (b"", 415, "unsupported_format"),
    "truncated": (encoded(disc(400, 300), ".jpg")[:2000], 422, "undecodable_image"),
    "huge": (huge_png(), 413, "image_too_large"),
    "over the cap": (bytes(300_000), 413, "upload_too_large"),
}


@pytest.mark.parametrize("path", ["/predict", "/mask", "/cutout"])
@pytest.mark.parametrize("name", BAD)
def test_bad_uploads_are_problems_with_a_code(client: TestClient, path: str, name: str) -> None:
    data, status, code = BAD[name]
    answer = client.post(path, files={"file": ("x.jpg", data)})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert client.post(path, files={"file": encoded(disc())}).status_code == 200


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"margin": "2"}, "invalid_option"),
        ({"background": "bluish"}, "invalid_option"),
        ({"format": "tiff"}, "invalid_option"),
        ({"size": "0"}, "invalid_option"),
        ({"treshold": "0.5"}, "invalid_option"),
        ({"model": "nobody"}, "unknown_model"),
    ],
)
def test_options_out_of_range_are_named(
    client: TestClient, data: dict[str, str], code: str
) -> None:
    answer = client.post("/cutout", files={"file": encoded(disc())}, data=data)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert next(iter(data)) in answer.text or next(iter(data.values())) in answer.text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"data": {"margin": "wide"}}, "margin: 'wide' is not a margin; write it as 30px or 10%"),
        ({"data": {"roi": "1 2"}}, "roi: '1 2' is not a region; write it as x1 y1 x2 y2"),
        (
            {"data": {"background": "bluish"}},
            "background: 'bluish' is not a colour; write it as #rrggbb",
        ),
        ({"data": {"size": "0"}}, "out of range: it must be at least 1"),
        (
            {"data": {"treshold": "0.5"}},
            "treshold: /cutout has no such option; did you mean threshold?",
        ),
        ({"data": {"x": "1"}}, "x: /cutout has no such option; it has model, refine"),
        (
            {"params": {"fromat": "webp"}},
            "fromat: /cutout has no such option; did you mean format?",
        ),
        (
            {"params": {"format": "webp"}},
            "format: send it as a form field, not in the query string",
        ),
        ({"data": {"size": ["9", "8"]}}, "size: sent 2 times; it may appear only once"),
        ({"files": [("file", IMAGE)] * 2}, "file: sent 2 times; it may appear only once"),
        (
            {"files": {"file": (None, "cat.jpg")}},
            "file: 'cat.jpg' is text, not a file; with curl, an @ sends",
        ),
        (
            {"files": {"file": IMAGE, "size": ("size.txt", b"9")}},
            "size: sent as a file, not as text; with curl, leave out the @: curl -F size=...",
        ),
        (
            {"files": {"photo": IMAGE}},
            "photo: /cutout has no such file; it has file, mask, background_image",
        ),
        ({"files": {"image": IMAGE}}, "image: /cutout has no such file; did you mean file?"),
        (
            {"data": {"bg_color": "red"}},
            "bg_color: /cutout has no such option; did you mean background?",
        ),
    ],
)
def test_whoever_asks_wrongly_is_told_what_to_do(
    client: TestClient, asked: dict[str, Any], told: str
) -> None:
    answer = client.post("/cutout", **{"files": {"file": IMAGE}, **asked})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_option")
    assert told in answer.json()["detail"]
    assert "Value error" not in answer.text
    assert r"\d" not in answer.text


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "image/png", "application/json"]
)
def test_a_body_that_is_no_form_is_told_how_to_send_one(client: TestClient, kind: str) -> None:
    answer = client.post("/cutout", content=IMAGE, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert "multipart/form-data" in answer.json()["detail"]
    assert "-F file=@" in answer.json()["detail"]


def test_an_empty_file_is_called_empty(client: TestClient) -> None:
    answer = client.post("/mask", files={"file": ("x.jpg", b"")})
    assert answer.json()["detail"] == "the file is empty (0 bytes); send an image"


def test_a_missing_file_and_a_broken_form_are_told_apart(client: TestClient) -> None:
    assert client.post("/cutout", data={"model": "segmenter"}).json()["code"] == "missing_field"
    broken = client.post(
        "/cutout",
        content=b"--x\r\nno header",
        headers={"content-type": "multipart/form-data; boundary=y"},
    )
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize(
    ("chosen", "status", "code"), [(IMAGE, 200, None), (b"", 422, "missing_field")]
)
def test_fields_that_a_browser_sends_empty_are_left_out(
    client: TestClient, chosen: bytes, status: int, code: str | None
) -> None:
    """A browser sends texts that nobody filled in, and files that nobody chose without a name."""

    def part(name: str, more: bytes, body: bytes = b"") -> bytes:
        return b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (
            name.encode(),
            more,
            body,
        )

    form = part("file", b'; filename="x.png"' if chosen else b'; filename=""', chosen)
    form += (
        part("threshold", b"")
        + part("size", b"")
        + part("background_image", b'; filename=""')
        + b"--b--\r\n"
    )
    answer = client.post(
        "/cutout", content=form, headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code == status
    assert code is None or answer.json()["code"] == code


@pytest.mark.parametrize("missing", [1, 4, 20, 200])
def test_a_form_that_is_cut_off_is_called_so(client: TestClient, missing: int) -> None:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        + encoded(disc())
        + b"\r\n--b--"
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/cutout", content=form, headers=headers).status_code == 200
    answer = client.post("/cutout", content=form[: -3 - missing], headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")
    assert "ends within a part" in answer.json()["detail"]


def test_what_can_be_got_has_a_head(client: TestClient) -> None:
    name = client.get("/models").json()["default_for_masks"]
    for path in ("/livez", "/readyz", "/metrics", "/models", f"/models/{name}", "/v1.0/account"):
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b""), path
        assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "charset", ["punycode", "undefined", "utf-16", '"rot13"', "nobody-knows", ""]
)
def test_a_form_can_t_choose_its_codec(client: TestClient, charset: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\na-b\r\n--b--\r\n'
    for asked, code in (
        (charset, "malformed_request"),
        ("UTF-8", "missing_field"),
        ('"iso-8859-1"', "missing_field"),
    ):
        kind = f"multipart/form-data; boundary=b; Charset={asked}"
        assert (
            client.post("/cutout", content=body, headers={"content-type": kind}).json()["code"]
            == code
        )


def test_unknown_paths_and_methods_are_problems_too(client: TestClient) -> None:
    assert client.get("/nothing").json()["code"] == "not_found"
    answer = client.get("/cutout")
    assert (answer.json()["code"], answer.headers["allow"]) == ("method_not_allowed", "POST")
    assert client.put("/api/remove").headers["allow"] == "GET, POST"
    # Whatever the method: below a mount, starlette refuses it itself.
    assert "GET" in client.post("/assets/index.html").headers["allow"]


def test_the_body_is_capped_while_it_streams(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(1000):
            yield bytes(10_000)

    answer = client.post(
        "/mask", content=endless(), headers={"content-type": "multipart/form-data; boundary=b"}
    )
    assert answer.json()["code"] == "upload_too_large"


LONG = "x" * 8193


@pytest.mark.parametrize(
    "asked",
    [
        {"files": {"model": (None, LONG)}},
        {"data": {"model": LONG}},
        {"data": {"model": "é" * 5000}},
        {"data": {"n" * 101: "x"}},
        {"files": {"n" * 101: (None, "x")}},
        {"data": {f"{number}{'n' * 1000}": "x" for number in range(90)}},
        {"data": {f"n{number}": "x" for number in range(101)}},
    ],
)
@pytest.mark.parametrize("path", ["/cutout", "/api/remove"])
def test_names_and_texts_have_their_lengths(
    client: TestClient, path: str, asked: dict[str, Any]
) -> None:
    answer = client.post(path, **asked)
    assert answer.status_code == 400
    assert len(answer.text) < 1000


def test_an_address_full_of_options_is_refused_as_one(client: TestClient) -> None:
    many = {f"format{number}": "x" for number in range(101)}
    assert (
        client.post("/cutout", files={"file": IMAGE}, params=many).json()["code"]
        == "malformed_request"
    )


def test_a_length_of_thousands_of_digits_is_too_large_or_read(client: TestClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nx\r\n--b--\r\n'
    headers = {"content-type": "multipart/form-data; boundary=b"}
    for length, code in (
        ("9" * 5000, "upload_too_large"),
        ("0" * 5000 + str(len(body)), "missing_field"),
    ):
        answer = client.post("/cutout", content=body, headers={**headers, "content-length": length})
        assert answer.json()["code"] == code


def test_noise_is_answered_like_any_other_image(client: TestClient) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    assert client.post("/mask", files={"file": encoded(noise)}).status_code == 200
