"""What protects the HTML pages in a browser."""

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_run_nothing_inline_and_nothing_from_elsewhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    policy = dict(
        part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; ")
    )
    assert policy.pop("img-src") == "'self' blob: data:"
    assert policy.pop("default-src") == "'self'"
    assert policy.pop("require-trusted-types-for", "'script'") == "'script'"
    assert policy == dict.fromkeys(
        ["object-src", "base-uri", "form-action", "frame-ancestors"], "'none'"
    )
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-encoding"] == "gzip"
    assert client.head(path).headers["content-length"] == answer.headers["content-length"]
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert plain.content == answer.content
    assert plain.headers["content-length"] == str(len(plain.content))


@pytest.mark.parametrize("path", ["/", "/docs", "/assets/page.css"])
@pytest.mark.parametrize(("accepted", "encoding"), [("gzip", "gzip"), ("identity", None)])
def test_pages_and_assets_are_compressed_and_asked_for_anew(
    path: str, accepted: str, encoding: str | None, client: TestClient
) -> None:
    headers = {"Accept-Encoding": accepted}
    answer = client.get(path, headers=headers)
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={**headers, "If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["content-security-policy"] == answer.headers["content-security-policy"]


def test_the_worker_may_import_its_modules_and_nothing_else(client: TestClient) -> None:
    policy = client.get("/assets/js/studio/worker.js").headers["content-security-policy"]
    assert policy == "default-src 'none'; script-src 'self'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    "path", ["/assets/../main.py", "/assets/%2e%2e/main.py", "/assets/none.js", "/assets/"]
)
def test_assets_hold_nothing_else(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
