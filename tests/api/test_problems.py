"""What a client can do wrong: each a 4xx problem with its code, and the server goes on."""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.pictures import disc, encoded


def huge_png() -> bytes:
    """20,000 x 20,000 pixels in a few hundred bytes: only the header is honest."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


BAD = {
    "text": (b"this is no picture", 415, "unsupported_format"),
    "empty": (b"", 415, "unsupported_format"),
    "truncated": (encoded(disc(400, 300), ".jpg")[:2000], 422, "undecodable_picture"),
    "huge": (huge_png(), 413, "picture_too_large"),
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
        ({"format": "gif"}, "invalid_option"),
        ({"size": "0"}, "invalid_option"),
        ({"treshold": "0.5"}, "invalid_option"),
        ({"model": "nobody"}, "unknown_model"),
    ],
)
def test_options_out_of_range_are_named(client: TestClient, data: dict[str, str], code: str) -> None:
    answer = client.post("/cutout", files={"file": encoded(disc())}, data=data)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert next(iter(data)) in answer.text or next(iter(data.values())) in answer.text


def test_a_missing_file_and_a_broken_form_are_told_apart(client: TestClient) -> None:
    assert client.post("/cutout", data={"model": "segmenter"}).json()["code"] == "missing_field"
    broken = client.post(
        "/cutout", content=b"--x\r\nno header", headers={"content-type": "multipart/form-data; boundary=y"}
    )
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed_request")


def test_unknown_paths_and_methods_are_problems_too(client: TestClient) -> None:
    assert client.get("/nothing").json()["code"] == "not_found"
    answer = client.get("/cutout")
    assert (answer.json()["code"], answer.headers["allow"]) == ("method_not_allowed", "POST")
    assert client.put("/api/remove").headers["allow"] == "GET, POST"


def test_the_body_is_capped_while_it_streams(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(1000):
            yield bytes(10_000)

    answer = client.post("/mask", content=endless(), headers={"content-type": "multipart/form-data; boundary=b"})
    assert answer.json()["code"] == "upload_too_large"


def test_noise_is_answered_like_any_other_picture(client: TestClient) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    assert client.post("/mask", files={"file": encoded(noise)}).status_code == 200
