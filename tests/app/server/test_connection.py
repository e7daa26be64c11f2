"""Senders and readers who take their time, over real sockets: cut off, and nobody else is the worse
for it."""

import asyncio
import http.client
import json
import logging
import re
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial

import numpy as np
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.api.intake.body import seconds_allowed
from app.server.limits import MAX_HEADER_BYTES, MAX_HEADERS, MAX_PIPELINED
from app.server.request_headers import MAX_UNFINISHED_BYTES
from app.server.sockets import without_mapping
from app.server.transport import OneWrite
from app.settings import CHUNK, GRACE_SECONDS, Settings
from tests.support.images import disc, encoded
from tests.support.live import live
from tests.support.service import eventually
from tests.support.stand_ins import PausingPredictor

PATIENCE = 30
LIMITS = Settings(threads=1, queue=1, header_seconds=1, connections=40)
GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[int, FastAPI]]:
    with live(settings) as (address, app):
        yield int(address.rpartition(":")[2]), app


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(LIMITS) as (port, _):
        yield port


@pytest.fixture(scope="module")
def strict_port() -> Iterator[int]:
    with serving(Settings(threads=1, queue=1, upload_seconds=0.4)) as (port, _):
        yield port


def multipart(body: bytes, announced: int | None = None, path: str = "/cutout") -> bytes:
    form = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        + body
        + b"\r\n--b--\r\n"
    )
    length = len(form) if announced is None else announced
    return (
        b"POST %b HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: %d\r\n\r\n" % (path.encode(), length)
    ) + form


def until_closed(connection: socket.socket) -> bytes:
    """All that comes before the server closes. Fails after PATIENCE seconds of silence."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def cut_off_while_sending(connection: socket.socket, size: int) -> int:
    """Send pieces of that size until the server closes; how many bytes it took.

    Fails after PATIENCE seconds.
    """
    deadline, sent = time.monotonic() + PATIENCE, 0
    try:
        while time.monotonic() < deadline:
            connection.sendall(b"a" * size)
            sent += size
    except ConnectionError:
        return sent
    pytest.fail("never cut off")


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def get_livez(connection: socket.socket) -> None:
    connection.sendall(GET)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")


@pytest.mark.slow
@pytest.mark.parametrize(
    "start", [b"", b"GET /livez HT", b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: "]
)
def test_a_head_that_does_not_end_is_cut_off(port: int, start: bytes) -> None:
    with closing(connected(port)) as slow:
        slow.sendall(start)
        assert until_closed(slow) == b""


@pytest.mark.slow
def test_dribbling_buys_no_time(port: int) -> None:
    with closing(connected(port)) as slow:
        slow.sendall(b"GET /livez HTTP/1.1\r\nX-Slow: ")
        deadline = time.monotonic() + PATIENCE
        while not select.select([slow], [], [], 0.05)[0]:
            assert time.monotonic() < deadline
            slow.sendall(b"a")
        assert until_closed(slow) == b""


@pytest.mark.slow
def test_a_second_head_on_the_same_connection_is_timed_too(port: int) -> None:
    with closing(connected(port)) as slow:
        slow.sendall(GET + b"GET /li")
        assert until_closed(slow).count(b"200 OK") == 1


def head_of(size: int, path: int = 7, fields: int = 0) -> bytes:
    """A request of `size` bytes, without its first line's other words: of its path, many fields,
    the rest of one."""
    start = b"GET /livez?%s HTTP/1.1\r\nHost: x\r\n" % (b"a" * (path - 7))
    rest = size - path - 9 - 6 * fields - 5
    return start + b"X: y\r\n" * fields + b"Y: " + b"y" * rest + b"\r\n\r\n"


@pytest.mark.parametrize(
    "large",
    [{}, {"path": MAX_HEADER_BYTES - 20}, {"fields": MAX_HEADERS - 2}],
    ids=["header", "path", "headers"],
)
def test_heads_have_a_size(port: int, large: dict[str, int]) -> None:
    with closing(connected(port)) as greedy:
        greedy.sendall(head_of(MAX_HEADER_BYTES, **large))
        assert greedy.recv(65536).startswith(b"HTTP/1.1 200")
        greedy.sendall(
            head_of(MAX_HEADER_BYTES + 1, **large)
        )  # its last byte is one too many: nothing is left unread
        assert until_closed(greedy).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        (MAX_PIPELINED + 2, GET, f"more than {MAX_PIPELINED} requests were pipelined"),
        (2, b"xyz\n\r\n", "not a valid HTTP/1.1 request"),
        (3, b"GET / HTTP/1.1\r\n\r\n", "needs exactly one Host header; this one has 0"),
        (
            2,
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "needs exactly one Host header; this one has 2",
        ),
    ],
    ids=["too many", "garbage", "no host", "two hosts"],
)
def test_what_is_refused_comes_after_the_answers_to_what_was_good(
    port: int, good: int, bad: bytes, reason: str
) -> None:
    with closing(connected(port)) as pipelining:
        pipelining.sendall(GET * good + bad)
        answer = until_closed(pipelining)
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"200"] * good + [b"400"]
    assert reason in json.loads(answer.rpartition(b"\r\n\r\n")[2])["detail"]


def test_a_trailer_is_no_header() -> None:
    chunked = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nX-Api-Key: right\r\n\r\n"
    )
    settings = Settings(threads=1, api_keys=(SecretStr("right"),))
    with serving(settings) as (port, _), closing(connected(port)) as sender:
        sender.sendall(chunked)
        assert sender.recv(65536).startswith(b"HTTP/1.1 401")


def test_http_1_0_is_not_told_to_go_on(port: int) -> None:
    with closing(connected(port)) as old:
        form = multipart(encoded(disc())).replace(
            b"HTTP/1.1\r\n", b"HTTP/1.0\r\nExpect: 100-continue\r\n", 1
        )
        old.sendall(form)
        assert until_closed(old).startswith(b"HTTP/1.1 200")


def test_a_connection_that_ends_with_something_unsent_has_its_time() -> None:
    async def job() -> list[str]:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        said: list[str] = []
        with closing(theirs):
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, sock=ours
            )
            own = OneWrite(transport, lambda: said.append("unsent"), lambda: False)
            own.write(b"a" * 1_000_000)
            own.close()
            own.abort()
        return said

    assert asyncio.run(job()) == ["unsent"]


def test_an_endless_header_is_not_kept(port: int) -> None:
    with closing(connected(port)) as greedy:
        greedy.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"a" * MAX_UNFINISHED_BYTES)
        answer = until_closed(greedy)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"more than 65536 bytes" in answer


def test_headers_have_a_number(port: int) -> None:
    with closing(connected(port)) as greedy:
        greedy.sendall(b"GET /livez HTTP/1.1\r\n" + b"X:\r\n" * (MAX_HEADERS + 2))
        assert b"more than 200 headers" in until_closed(greedy)


def test_who_is_refused_while_sending_can_read_why(port: int) -> None:
    """The end is announced and what comes is read: no reset overtakes the answer."""
    with closing(connected(port)) as sender:
        sender.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 9\r\n\r\n")
        answer = b""
        while part := sender.recv(65536):
            answer += part
            sender.sendall(b"more")
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("path", "status"), [("/cutout", 408), ("/api/remove", 408), ("/v1.0/removebg", 400)]
)
def test_a_slow_body_is_refused_and_its_connection_closed(
    path: str, status: int, strict_port: int
) -> None:
    with closing(connected(strict_port)) as slow:
        slow.sendall(multipart(b"the rest never comes", announced=5000, path=path))
        answer = until_closed(slow)
    assert answer.startswith(b"HTTP/1.1 %d" % status)
    assert b"connection: close" in answer.lower()
    assert b"bytes of the body arrived within" in answer


def test_a_body_that_goes_on_after_its_answer_is_not_read_for_ever(strict_port: int) -> None:
    """413 comes at once; who goes on sending is listened to for a moment only."""
    with closing(connected(strict_port)) as endless:
        endless.sendall(multipart(b"", announced=1 << 40))
        assert endless.recv(65536).startswith(b"HTTP/1.1 413")
        cut_off_while_sending(endless, 1000)


def test_connections_beyond_the_limit_are_closed_and_the_others_served(port: int) -> None:
    held = [connected(port) for _ in range(LIMITS.connections)]
    try:
        for connection in held:
            connection.sendall(GET[:-2])
        with closing(connected(port)) as one_more:
            assert until_closed(one_more) == b""
        for connection in held:
            connection.sendall(b"\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    finally:
        for connection in held:
            connection.close()


def test_whoever_has_idled_longest_makes_room(port: int) -> None:
    held = []
    try:
        for _ in range(LIMITS.connections + 1):
            held.append(connected(port))
            get_livez(held[-1])
        for connection in held:
            with suppress(ConnectionError):
                connection.sendall(GET)
        answers = [received(connection) for connection in held]
    finally:
        for connection in held:
            connection.close()
    closed = [number for number, answer in enumerate(answers) if answer == b""]
    assert len(closed) == 1
    assert closed[0] < LIMITS.connections / 2  # the moments of several may be the same millisecond
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers if answer)


@pytest.mark.slow
def test_a_request_that_came_in_time_is_answered_however_late_it_is_read() -> None:
    """The server is busy with what others sent while a connection's time runs out, whose next
    request has come."""
    stalled, seconds = threading.Event(), 1

    def stall(record: logging.LogRecord) -> bool:
        stalled.set()
        return threading.Event().wait(1.5 * seconds)

    with (
        serving(Settings(threads=1, queue=1, keep_alive_seconds=seconds)) as (port, _),
        closing(connected(port)) as waiting,
        closing(connected(port)) as busy,
        listened_to(stall),
    ):
        get_livez(waiting)
        busy.sendall(b"no HTTP\r\n\r\n")
        assert stalled.wait(PATIENCE)
        get_livez(waiting)
        assert until_closed(waiting) == b""


@contextmanager
def listened_to(listener: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    """Called with each line of the server's log where it is written, which holds the server up."""
    logger = logging.getLogger("cutout.connection")
    level = logger.level
    logger.setLevel(logging.WARNING)
    logger.addFilter(listener)
    try:
        yield
    finally:
        logger.removeFilter(listener)
        logger.setLevel(level)


def received(connection: socket.socket) -> bytes:
    """One answer; nothing where the server has closed, however."""
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


@pytest.mark.slow
def test_a_reader_that_does_not_read_holds_its_place_and_is_cut_off() -> None:
    noise = encoded(np.random.default_rng(0).integers(0, 256, (1600, 2000, 3), np.uint8), ".png")
    with (
        serving(Settings(threads=1, queue=1, send_seconds=0.5)) as (port, app),
        closing(socket.socket()) as lazy,
    ):
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.settimeout(PATIENCE)
        lazy.connect(("127.0.0.1", port))
        lazy.sendall(multipart(noise))
        assert lazy.recv(9) == b"HTTP/1.1 "
        assert app.state.services.workers.permits.taken == 1
        eventually(lambda: app.state.services.workers.permits.taken == 0)
        with pytest.raises(ConnectionResetError):  # nothing is left in the kernel to be sent
            deque(iter(partial(lazy.recv, 65536), b""), maxlen=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_", "rest"),
    [
        (GET, b"\r\n"),
        (b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n", b"rest"),
    ],
)
def test_bytes_that_belong_to_no_request_keep_no_connection(
    port: int, request_: bytes, rest: bytes
) -> None:
    with closing(connected(port)) as connection:
        connection.sendall(request_)
        assert connection.recv(65536).startswith(b"HTTP/1.1 ")
        connection.sendall(rest)
        assert until_closed(connection) == b""


def test_whoever_leaves_frees_its_place_with_requests_behind_it_too() -> None:
    go_on = threading.Event()
    with (
        live(Settings(threads=1, queue=1), build=lambda _: [PausingPredictor(go_on)]) as (
            address,
            app,
        ),
        closing(connected(int(address.rpartition(":")[2]))) as at_work,
    ):
        workers, request = app.state.services.workers, multipart(encoded(disc()))
        try:
            at_work.sendall(request)
            eventually(lambda: workers.permits.taken == 1)
            with closing(connected(at_work.getpeername()[1])) as leaving:
                leaving.sendall(request + GET)
                eventually(lambda: workers.permits.taken == 2)
            eventually(lambda: workers.permits.taken == 1)
        finally:
            go_on.set()
        assert at_work.recv(65536).startswith(b"HTTP/1.1 200")


def test_an_answer_of_a_head_alone_is_sent_and_the_next_one_too(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        for method, path, body in (
            ("HEAD", "/favicon.ico", 0),
            ("GET", "/livez", 15),
            ("HEAD", "/", 0),
        ):
            connection.request(method, path)
            answer = connection.getresponse()
            assert len(answer.read()) == body


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0"])
@pytest.mark.parametrize("cut", [0, 5, 150, 170, 190, 400])
def test_a_wish_for_another_protocol_is_passed_over(port: int, protocol: bytes, cut: int) -> None:
    wish = (
        b"Connection: keep-alive, Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAA\r\n"
        b"Upgrade: %s\r\n\r\n" % protocol
    )
    request = multipart(encoded(disc(40, 30))).replace(
        b"\r\n\r\n", b"\r\n" + wish, 1
    ) + GET.replace(b"\r\n\r\n", b"\r\n" + wish)
    with closing(socket.create_connection(("127.0.0.1", port), PATIENCE)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(request[:cut])
        connection.sendall(
            request[cut:] + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        answers = until_closed(connection)
    assert answers.count(b"HTTP/1.1 ") == answers.count(b"HTTP/1.1 200 ") == 3


@pytest.mark.parametrize(
    "start",
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"],
    ids=["preface", "version"],
)
def test_http_2_is_refused_in_words(port: int, start: bytes) -> None:
    with closing(connected(port)) as client:
        client.sendall(start)
        head, _, body = until_closed(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\n")
    assert json.loads(body)["code"] == "http_version_not_supported"


def refusal(port: int, request: bytes) -> bytes:
    """Status line and body of the answer to a request that is refused."""
    with closing(connected(port)) as client:
        client.sendall(request)
        head, _, body = until_closed(client).partition(b"\r\n\r\n")
    return head.splitlines()[0] + body


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        (b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n", 505, b"HTTP/2.0 is not supported"),
        (b"GET /livez\r\n\r\n", 505, b"HTTP/0.9 is not supported"),
        (b"GET / HTTP/1.1\r\nHost: a b<i>\r\n\r\n", 400, b"is not a host name"),
        (b"GET http://a@b/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, b"names no valid host"),
        (
            b"POST /mask HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            501,
            b"gzip, chunked is not supported",
        ),
    ],
)
def test_what_is_not_spoken_here_is_refused_by_name(
    port: int, request_: bytes, status: int, reason: bytes
) -> None:
    answer = refusal(port, request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert reason in answer


def test_the_host_of_an_absolute_target_counts() -> None:
    with serving(Settings(threads=1, trusted_hosts=("good.example",))) as (port, _):
        for target, host, status in (
            (b"http://evil.example/models", b"good.example", b"421"),
            (b"http://good.example/models", b"evil.example", b"200"),
            (b"/models?a=http://evil.example/", b"good.example", b"200"),
        ):
            with closing(connected(port)) as client:
                client.sendall(b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target, host))
                assert client.recv(65536).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    ("address", "shown"),
    [("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::1"), ("192.0.2.7",) * 2],
)
def test_ipv4_clients_of_an_ipv6_socket_have_their_own_address(address: str, shown: str) -> None:
    assert without_mapping(address) == shown


def test_a_tunnel_is_refused(port: int) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), PATIENCE)) as connection:
        connection.sendall(b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n" + GET)
        answers = until_closed(connection)
    head, _, body = answers.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["code"] == "malformed_request"


def test_head_and_body_come_in_one_piece(port: int) -> None:
    with closing(connected(port)) as connection:
        connection.sendall(GET)
        assert connection.recv(65536).endswith(b'{"status":"ok"}')


def test_large_answers_arrive_whole(port: int) -> None:
    noise = encoded(np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8), ".png")
    for image in (noise, encoded(disc())):
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with closing(client):
            request = multipart(image)
            client.connect()
            client.sock.sendall(request)
            answer = http.client.HTTPResponse(client.sock, method="POST")
            answer.begin()
            body = answer.read()
        assert answer.status == 200
        assert len(body) == int(answer.headers["content-length"])
        assert body.startswith(b"\x89PNG")
        assert (len(body) > 3 * CHUNK) == (image is noise)


def test_every_byte_buys_time_up_to_the_limit() -> None:
    assert seconds_allowed(0, 20, 1000) == GRACE_SECONDS
    assert seconds_allowed(5000, 20, 1000) == GRACE_SECONDS + 5
    assert seconds_allowed(10**9, 20, 1000) == 20
