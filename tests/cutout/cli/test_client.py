"""A server as an engine, where it is not at its best."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from app.settings import Settings
from cutout.cli.client import ServerEngine
from cutout.errors import (
    InvalidUrl,
    Overloaded,
    RateLimited,
    RequestFailed,
    Unauthorized,
    UnknownModel,
    Unreachable,
)
from cutout.inference.manifest import Manifest
from cutout.options import CutoutOptions, PredictOptions
from tests.support.images import disc, encoded
from tests.support.live import live

BUSY = (
    b'{"title": "Too Many Requests", "status": 429, "code": "overloaded", '
    b'"detail": "all 2 permits are taken"}'
)
EMPTY = b'{"models": [], "default_for_masks": "segmenter", "default_for_predict": "classifier"}'


@contextmanager
def answering(*answers: tuple[int, bytes], retry_after: int = 0) -> Iterator[str]:
    """A server that gives these answers, one after the other, closes each connection, and then
    repeats the last."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("Retry-After", str(retry_after))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def models(address: str) -> Sequence[Manifest]:
    with closing(ServerEngine(address)) as engine:
        return engine.models()


def test_a_busy_server_is_asked_again() -> None:
    with answering((429, BUSY), (503, BUSY), (200, EMPTY)) as address:
        assert models(address) == []


def test_a_server_that_stays_busy_is_given_up_and_a_closed_engine_waits_no_longer() -> None:
    with answering((429, BUSY)) as address:
        with pytest.raises(Overloaded, match="after 20 tries"):
            models(address)
        with closing(ServerEngine(address)) as engine:
            engine.stop()
            with pytest.raises(Overloaded, match="permits"):
                engine.models()


def test_a_limit_for_one_caller_has_its_own_name() -> None:
    limited = BUSY.replace(b"overloaded", b"rate_limited")
    with answering((429, limited)) as address, closing(ServerEngine(address)) as engine:
        engine.stop()
        with pytest.raises(RateLimited):
            engine.models()


def test_what_is_no_cutout_server_is_said_to_be_none() -> None:
    with answering((404, b"<html>")) as address, pytest.raises(Unreachable, match="404"):
        models(address)
    with (
        answering((200, EMPTY)) as address,
        pytest.raises(UnknownModel),
        closing(ServerEngine(address)) as engine,
    ):
        engine.mask_model("mine")
    with answering((200, b"<html>")) as address, closing(ServerEngine(address)) as engine:
        for ask in (
            engine.models,
            lambda: engine.cut_out(b"", CutoutOptions()),
            lambda: engine.predict(b"", PredictOptions()),
        ):
            with pytest.raises(Unreachable, match=f"{address} is not a cutout server.* 200, but"):
                ask()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"code": "internal_error", "detail": "a bug"}'),
        (413, b"<html>too large for this proxy</html>"),
        (502, b"<html>the worker is gone</html>"),
    ],
)
def test_one_request_that_fails_is_told_from_a_server_that_is_gone(
    status: int, body: bytes
) -> None:
    with (
        answering((status, body), (200, EMPTY)) as address,
        closing(ServerEngine(address)) as engine,
        pytest.raises(RequestFailed, match=f"responded with status {status}"),
    ):
        engine.predict(b"", PredictOptions())
    with (
        answering((status, body)) as address,
        closing(ServerEngine(address)) as engine,
        pytest.raises(Unreachable),
    ):
        engine.predict(b"", PredictOptions())


def test_a_server_that_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(Unreachable, match=f"^no response from {address}: connection refused$"):
        models(address)
    unusable = (
        "ftp://example.org",
        "localhost:8000",
        "",
        "http://localhost:port",
        "http://[::1",
        "http://a/b c",
        "http://a/ä",
    )
    for address in (*unusable, f"http://{'ä' * 70}"):
        with pytest.raises(InvalidUrl):
            ServerEngine(address)


@contextmanager
def raw(*answers: bytes) -> Iterator[str]:
    """A server that answers a connection each with these bytes, and closes it."""

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)  # where a client asks less often than there are answers
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            thread.join()


def test_what_answers_and_is_no_server_of_ours_is_told_apart() -> None:
    mail = b"220 mail ready\r\n"
    with raw(mail, mail) as address, pytest.raises(Unreachable, match="not an HTTP server"):
        models(f"http://{address}")
    plain = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with raw(plain) as address, pytest.raises(Unreachable, match="does not speak TLS; use http://"):
        models(f"https://{address}")
    with raw(b"", b"") as address, pytest.raises(Unreachable, match="closed the connection"):
        models(f"http://{address}")
    with pytest.raises(Unreachable, match=r"name|resol"):
        models("http://no.invalid")


def test_a_connection_that_breaks_is_replaced_once() -> None:
    # without `close` the client may use a connection again before it sees that it was closed
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    good = head % len(EMPTY) + EMPTY
    with (
        raw(good, good, good[:60], good) as address,
        closing(ServerEngine(f"http://{address}")) as engine,
    ):
        assert [list(engine.models()) for _ in range(3)] == [[], [], []]


def test_a_wait_ends_when_it_is_stopped() -> None:
    with answering((429, BUSY), retry_after=3600) as address:
        engine = ServerEngine(address)
        told: list[Overloaded] = []

        def ask() -> None:
            with pytest.raises(Overloaded) as refused:
                engine.models()
            told.append(refused.value)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        engine.stop()
        asking.join(60)
        assert [error.detail for error in told] == ["all 2 permits are taken"]
        engine.close()


def test_a_server_below_a_path_or_at_an_address_of_ipv6_is_asked() -> None:
    with pytest.raises(Unreachable, match=r"refused|address|unreachable"):
        models("http://[::1]:9/")
    with (
        live(Settings(threads=1)) as (address, _),
        pytest.raises(Unreachable, match="status 404"),
    ):
        models(f"{address}/below/")


def test_a_redirect_is_not_followed() -> None:
    """It could lead a key elsewhere."""
    elsewhere = (
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    with raw(elsewhere) as address, pytest.raises(Unreachable, match="status 307"):
        models(f"http://{address}")


def test_keys_are_sent() -> None:
    image = encoded(disc())
    with live(Settings(threads=1, api_keys=(SecretStr("schlüssel"),))) as (address, _):
        with closing(ServerEngine(address, "schlüssel")) as engine:
            assert engine.cut_out(image, CutoutOptions()).media_type == "image/png"
        with (
            closing(ServerEngine(address, "wrong")) as engine,
            pytest.raises(Unauthorized, match="--api-key"),
        ):
            engine.cut_out(image, CutoutOptions())
