"""A connection's own limits, for what ASGI never shows an app: heads that don't end, and answers that nobody reads.

uvicorn gives a sender all the time and memory in the world until a request's headers are complete, and a reader all the
time in the world for the answer. Whoever exceeds a limit here is cut off without a word, as there is nobody to tell.

And requests that ask to go on in another protocol, as Java's HTTP client does with each: httptools ends such a request
with its head, whose body would then be read as the next one.
"""

import math
import uuid
from asyncio import AbstractEventLoop, BaseTransport, TimerHandle, Transport
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cutout.errors import MalformedRequest

from ..api.problems import Problem
from ..settings import CHUNK, GRACE_SECONDS, Settings

HEAD_BYTES = 64 * 1024
UNFINISHED_BYTES = 512 * 1024  # of reads that left a head unfinished; uvloop reads up to 256 KiB at a time
PIPELINED = 16
LAST_LOOK_SECONDS = 0.005


@dataclass(frozen=True)
class Limits:
    """`piece_seconds` is the time for one piece of an answer, `answer_seconds` for all of it once its reader lags."""

    connections: int
    head_seconds: float
    body_seconds: float
    piece_seconds: float
    answer_seconds: float


def http_protocol(settings: Settings) -> Any:
    """What `uvicorn.Config(http=...)` takes. It can be pickled, as uvicorn's worker processes need it."""
    limits = Limits(
        connections=settings.connections,
        head_seconds=settings.head_seconds,
        body_seconds=settings.upload_seconds,
        piece_seconds=GRACE_SECONDS + CHUNK / settings.min_bytes_per_second,
        answer_seconds=settings.send_seconds,
    )
    return partial(Connection, limits=limits)


class TooMuch(Exception):
    """A head too large, or too many requests at once: the parser stops, and uvicorn answers 400 and closes."""


class NoHost(Exception):
    """None, or several (RFC 9112, 3.2): the parser stops, and so on."""


class _OneWrite:
    """A transport that keeps the head of an answer until its body follows, and hands over both at once.

    uvicorn writes them apart: two calls of the system, two packets, and a reader that is woken twice.
    """

    def __init__(self, transport: Transport, closing: Callable[[], None]) -> None:
        self._transport, self._closing, self._head = transport, closing, b""
        self.is_closing, self.get_extra_info = transport.is_closing, transport.get_extra_info
        self.pause_reading, self.resume_reading = transport.pause_reading, transport.resume_reading
        self.abort, self.set_protocol = transport.abort, transport.set_protocol

    def write(self, data: bytes | memoryview) -> None:
        if self._transport.is_closing():  # `writelines` would raise there, where `write` does not
            self._head = b""
        elif self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        elif isinstance(data, bytes) and data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """What is not sent yet is sent still, for as long as `closing` allows."""
        self.flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._closing()


class Connection(HttpToolsProtocol):
    """uvicorn's, with a time limit for every moment in which it waits for the other side."""

    def __init__(self, *args: Any, limits: Limits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._head = _Timer(self.loop, self._head_is_late)
        self._rest = _Timer(self.loop, self._cut_off)
        self._reader = _Timer(self.loop, self._cut_off)
        self._unfinished_bytes = self._head_bytes = 0
        self._answer_ends: float | None = None
        self._answered: RequestResponseCycle | None = None
        self._head_complete = self._body_complete = True
        self._refusal: str | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        own = _OneWrite(cast(Transport, transport), lambda: self._reader.start(self._limits.piece_seconds))
        super().connection_made(cast(Transport, own))
        self._head.start(self._limits.head_seconds)
        if len(self.connections) > self._limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head, self._rest, self._reader):
            timer.stop()
        self.pipeline.clear()
        if self._answered is not None:  # uvicorn tells only the last of the requests that came
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._refusal is not None:
            return
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse("the request is no valid HTTP, or its head is too large, or too many came at once")
            return
        if self._head.running:
            self._unfinished_bytes += len(data)
            if self._unfinished_bytes > UNFINISHED_BYTES:
                self._cut_off()
        elif self._body_complete and self._answered is None:
            # What came belongs to no request, as an empty line or the rest of a body whose answer was early, and it
            # stopped uvicorn's own timer for idle connections.
            self._head.start(self._limits.head_seconds)

    def _make_room(self) -> None:
        """Of too many connections, the one that has idled longest goes, else this one."""
        others = cast(set[Connection], self.connections)
        idle = min(others, key=Connection._idle_until)
        if idle._idle_until() < math.inf:
            idle.transport.close()
        else:
            self._cut_off()

    def _idle_until(self) -> float:
        """When this connection would be closed; infinity for one that is at work or closing."""
        timer = self.timeout_keep_alive_task
        if timer is None or not self._body_complete or self.transport.is_closing():
            return math.inf
        return timer.when()

    def timeout_keep_alive_handler(self) -> None:
        """Not before what has come by now is read: on a busy server it may be the next request."""
        close = super().timeout_keep_alive_handler
        self.timeout_keep_alive_task = self.loop.call_later(LAST_LOOK_SECONDS, close)

    def _refuse(self, why: str) -> None:
        """Now, or once the requests before it have their answers (RFC 9112, 9.3.2)."""
        in_work = self._head_complete and not self._body_complete and self.cycle is self._answered
        if self._answered is None or (in_work and not self._answered.response_started):
            self.send_400_response(why)
        elif in_work:
            self.transport.close()
        else:
            self._head.stop()
            self._refusal = why

    def send_400_response(self, msg: str) -> None:
        """As the app's own errors are, which never sees this request."""
        request_id = uuid.uuid4().hex
        problem = Problem(title="Bad Request", status=400, code=MalformedRequest.code, detail=msg)
        body = problem.model_dump_json(exclude_none=True)
        self.logger.warning(msg, extra={"request_id": request_id})
        self.transport.write(
            f"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\nx-request-id: {request_id}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()
        )
        self.transport.close()

    def _feed(self, data: bytes) -> None:
        """Parse what came. A head that asks for another protocol is parsed anew without that wish: a server that does
        not share it goes on as if it were not there (RFC 9110, 7.8)."""
        rest: bytes | None = data
        while rest is not None:
            rest = self._parse(rest)

    def _parse(self, data: bytes) -> bytes | None:
        """What is to be parsed again, if anything."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.parser.get_method() == b"CONNECT":  # asks for a tunnel by its very name
                raise httptools.HttpParserError("no proxy") from None
            rest = self._head_without_upgrade() + data[upgrade.args[0] :]
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
            return rest
        return None

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    def _asks_for_upgrade(self) -> bool:
        return bool(self.parser.should_upgrade())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._unfinished_bytes = self._head_bytes = 0
        self._head_complete = self._body_complete = False
        if not self._head.running:
            self._head.start(self._limits.head_seconds)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        if not self._head_complete:  # a trailer is no header (RFC 9110, 6.5.1): it could name another address or key
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._asks_for_upgrade():
            return
        self._head.stop()
        hosts, version = sum(name == b"host" for name, _ in self.headers), self.parser.get_http_version()
        if hosts > 1 or (hosts == 0 and version == "1.1"):
            raise NoHost
        if version == "1.0":  # knows no 100, and would take it for the answer (RFC 9110, 10.1.1)
            self.expect_100_continue = False
        super().on_headers_complete()
        self._head_complete = True
        if not self.pipeline:
            self._answered = self.cycle
        if len(self.pipeline) > PIPELINED:
            raise TooMuch("requests at once")

    def on_message_complete(self) -> None:
        if self._asks_for_upgrade():
            return
        self._body_complete = True
        self._rest.stop()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        cast(_OneWrite, self.transport).flush()  # the head of an answer to HEAD is all of it
        is_last = self._answered is self.cycle
        self._answered = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if self._refusal is not None and self._answered is None:
            self.send_400_response(self._refusal)
        # answered early: what is left of the body is read and thrown away for a while
        elif is_last and self._head_complete and not self._body_complete:
            self._rest.start(self._limits.body_seconds)
        if not self._reader.running:
            self._answer_ends = None

    def pause_writing(self) -> None:
        super().pause_writing()
        now = self.loop.time()
        if self._answer_ends is None:
            self._answer_ends = now + self._limits.answer_seconds
        self._reader.start(min(self._limits.piece_seconds, self._answer_ends - now))

    def resume_writing(self) -> None:
        if not self.transport.is_closing():
            self._reader.stop()
        if self._answered is None:
            self._answer_ends = None
        super().resume_writing()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES:
            raise TooMuch("head")

    def _head_is_late(self) -> None:
        """Unless it was us who stopped reading, while earlier requests are worked on."""
        if self.flow.read_paused:
            self._head.start(self._limits.head_seconds)
        else:
            self._cut_off()

    def _cut_off(self) -> None:
        self.transport.abort()


class _Timer:
    """Calls `action` once, unless it is stopped or started anew before."""

    def __init__(self, loop: AbstractEventLoop, action: Callable[[], None]) -> None:
        self._loop, self._action = loop, action
        self._handle: TimerHandle | None = None

    @property
    def running(self) -> bool:
        return self._handle is not None

    def start(self, seconds: float) -> None:
        self.stop()
        self._handle = self._loop.call_later(seconds, self._action)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
