"""Headers on every answer, names, origins and rates: what an operator can close, and what stays
open."""

import contextlib
import io
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonjsonlogger.json import JsonFormatter
from starlette.testclient import TestClient

from app.admission.rates import RateLimit
from app.api.protect import HEADERS
from app.main import create_app
from app.settings import Settings
from cutout.errors import RateLimited
from tests.support.calls import every_place_taken
from tests.support.images import disc, encoded
from tests.support.stand_ins import bright_predictors


@contextmanager
def serving(**settings: Any) -> Iterator[TestClient]:
    app = create_app(Settings(threads=1, **settings), bright_predictors)

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secret of the house")

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/assets/page.css", "/livez", "/nothing", "/broken"]
)
def test_every_answer_has_the_safe_headers(path: str) -> None:
    with serving() as client:
        answer = client.get(path)
    assert HEADERS.keys() <= {name.title() for name in answer.headers}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


def test_images_and_refusals_have_them_too(client: TestClient) -> None:
    for upload in (encoded(disc()), b"no image", bytes(300_000)):
        answer = client.post("/cutout", files={"file": upload})
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_fault_is_logged_with_its_request_and_told_to_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving() as client, caplog.at_level(logging.ERROR):
        answer = client.get("/broken", headers={"X-Request-ID": "abc"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    (record,) = (record for record in caplog.records if record.name == "cutout.access")
    assert record.exc_info
    assert record.request_id == "abc"  # type: ignore[attr-defined]


def test_the_log_names_the_fields_that_were_refused_and_not_what_was_in_them(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    fields = {"size": "secret", "margin": "secret"}
    with caplog.at_level(logging.INFO):
        client.post("/cutout", files={"file": encoded(disc())}, data=fields)
    (record,) = (record for record in caplog.records if record.name == "cutout.access")
    assert sorted(record.fields) == sorted(fields)  # type: ignore[attr-defined]
    assert "secret" not in JsonFormatter().format(record)


@pytest.mark.parametrize(
    "host",
    ["cutout.example", "Cutout.Example:8000", "cutout.example.", "a.b.example.org", "[::1]:8000"],
)
def test_names_of_ours_are_answered(host: str) -> None:
    with serving(trusted_hosts="cutout.example, *.example.org,[::1]") as client:
        assert client.get("/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "example.org", "cutout.example.evil", "evilexample.org", "", "[::2]"]
)
def test_other_names_are_not(host: str) -> None:
    with serving(trusted_hosts="cutout.example,*.example.org,[::1]") as client:
        answer = client.get("/models", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")
        assert client.get("/readyz", headers={"Host": host}).status_code == 200


def test_redirects_name_no_scheme_and_no_host() -> None:
    with serving() as client:
        # Relative: behind a proxy, all paths may have a prefix.
        for path, target in (("/models/", "../models"), ("/v1.0/account/", "../../v1.0/account")):
            answer = client.get(f"{path}?a=b", follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (307, f"{target}?a=b")


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "x", "", "http://"])
def test_a_malformed_origin_is_one_that_is_not_allowed(origin: str) -> None:
    with serving() as client:
        answer = client.get("/models", headers={"Origin": origin})
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers


def test_other_sites_may_call_only_where_they_are_named() -> None:
    ask = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    with serving() as client:
        assert "access-control-allow-origin" not in client.get("/models", headers=ask).headers
    with serving(cors_origins="https://shop.example", api_keys="k") as client:
        preflight = client.options(
            "/cutout", headers={**ask, "Access-Control-Request-Headers": "x-api-key"}
        )
        assert preflight.status_code == 200
        refused = client.post("/cutout", files={"file": b""}, headers=ask)
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://shop.example"
        assert refused.headers["access-control-expose-headers"] == "*"
        assert refused.headers["cross-origin-resource-policy"] == "cross-origin"
        other = client.get("/models", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers


@pytest.mark.parametrize("origins", ["", "https://shop.example"])
def test_a_page_that_may_not_call_is_told_which_setting_allows_it(
    origins: str, caplog: pytest.LogCaptureFixture
) -> None:
    ask = {"Origin": "https://other.example", "Access-Control-Request-Method": "POST"}
    with serving(cors_origins=origins) as client:
        refused = client.options("/api/remove", headers=ask)
        assert (refused.status_code, refused.json()["code"]) == (403, "origin_refused")
        told = refused.json()["detail"]
        assert "https://other.example" in told
        assert "CUTOUT_CORS_ORIGINS" in told
        # A form with a file is sent without asking first; its answer is kept from the page.
        # To a server without TLS, browsers don't say which site the page is of.
        for site in ({"Sec-Fetch-Site": "cross-site"}, {}):
            sent = {**ask, **site}
            client.post("/api/remove", files={"file": encoded(disc())}, headers=sent)
        assert [record.message for record in caplog.records if record.levelno >= 30] == [
            "preflight refused",
            "response blocked",
            "response blocked",
        ]


def test_pages_of_this_server_and_programs_are_not_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pages: list[dict[str, str]] = [
        {"Origin": "https://other.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "http://testserver"},
        {"Origin": "http://other.example", "X-Forwarded-For": "192.0.2.7"},
        {},
    ]
    with serving() as client:
        for headers in pages:
            client.post("/mask", files={"file": encoded(disc())}, headers=headers)
    assert not [record for record in caplog.records if record.levelno >= 30]


def test_every_origin_may_be_allowed_as_rembg_s_server_and_remove_bg_do() -> None:
    ask = {
        "Origin": "https://other.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    with serving(cors_origins="*") as client:
        for path in ("/api/remove", "/v1.0/removebg"):
            assert client.options(path, headers=ask).status_code == 200
            answer = client.post(path, headers={"Origin": "https://other.example"})
            assert answer.headers["access-control-allow-origin"] == "*"
        refused = client.options(
            "/mask", headers={**ask, "Access-Control-Request-Headers": "x-other"}
        )
    assert refused.status_code == 403
    assert "x-api-key" in refused.json()["detail"]


def test_each_key_has_its_own_rate() -> None:
    with serving(api_keys="one,two", requests_per_minute=2) as client:

        def status(key: str) -> int:
            return client.post(
                "/mask", files={"file": encoded(disc())}, headers={"X-Api-Key": key}
            ).status_code

        assert [status("one") for _ in range(3)] == [200, 200, 429]
        assert status("two") == 200
        refused = client.post(
            "/mask", files={"file": encoded(disc())}, headers={"X-Api-Key": "one"}
        )
        assert refused.json()["code"] == "rate_limited"
        assert 25 <= int(refused.headers["retry-after"]) <= 30
        compat = client.post("/v1.0/removebg", headers={"X-Api-Key": "one"})
        assert (compat.status_code, compat.json()["errors"][0]["code"]) == (
            429,
            "rate_limit_exceeded",
        )
        until_reset = int(compat.headers["x-ratelimit-reset"]) - time.time()
        assert abs(until_reset - int(compat.headers["retry-after"])) < 3
        assert client.get("/models").status_code == 200


def test_without_keys_the_rate_is_the_address_s() -> None:
    with serving(requests_per_minute=1) as client:
        assert [
            client.post("/mask", files={"file": encoded(disc())}).status_code for _ in range(2)
        ] == [200, 429]


def test_whom_the_server_was_too_busy_for_has_not_had_its_request() -> None:
    with serving(requests_per_minute=1) as client:
        with every_place_taken(client):
            assert (
                client.post("/mask", files={"file": encoded(disc())}).json()["code"] == "overloaded"
            )
        assert client.post("/mask", files={"file": encoded(disc())}).status_code == 200


@given(st.integers(1, 600), st.lists(st.floats(0, 30), max_size=200))
def test_nobody_gets_more_than_a_burst_and_the_rate(per_minute: int, pauses: list[float]) -> None:
    moment = 0.0
    limit, passed = RateLimit(per_minute, now=lambda: moment), 0
    for pause in pauses:
        moment += pause
        with contextlib.suppress(RateLimited):
            limit.check("somebody")
            passed += 1
    assert passed <= per_minute + moment * per_minute / 60 + 1
    moment += 61
    for _ in range(per_minute):
        limit.check("somebody")


def test_what_is_closed_is_not_there_and_nothing_leads_to_it() -> None:
    with serving(docs=False, metrics=False) as client:
        assert [
            client.get(path).status_code for path in ("/docs", "/openapi.json", "/metrics")
        ] == [404] * 3
        closed = client.get("/")
        assert 'href="docs"' not in closed.text
        assert "data-docs" not in closed.text
        assert client.get("/docs").json()["code"] == "not_found"
    with serving() as client:
        opened = client.get("/")
        assert opened.text.count('href="docs"') == 2
        assert (
            opened.headers["content-security-policy"] == closed.headers["content-security-policy"]
        )


def test_no_secret_gets_into_the_log() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    level, root.level = root.level, logging.DEBUG
    try:
        with serving(api_keys="hunter2,hunter3") as client:
            headers = {
                "X-Api-Key": "hunter2",
                "Authorization": "Bearer hunter2",
                "Cookie": "c=hunter2",
            }
            for path in ("/mask", "/api/remove"):  # refused, and served
                upload = {"file": ("hunter2.png", encoded(disc()))}
                client.post(f"{path}?token=hunter2", files=upload, headers=headers)
            client.post("/mask", files={"file": b""}, headers={"X-Api-Key": "hunter22"})
            client.get("/broken", headers=headers)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "unhandled exception" in written.getvalue()
    assert "hunter" not in written.getvalue()
