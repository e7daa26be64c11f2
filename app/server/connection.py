"""One connection: uvicorn's HTTP protocol, with a limit wherever it waits for the client.

An ASGI application sees neither request headers that never end, nor a response that nobody reads,
nor idle connections. Their limits are therefore enforced here, on uvicorn's protocol class; what is
used of it beyond its documentation is listed and checked in tests/app/server/test_private_names.py.

It also ignores `Upgrade` headers, as Java's HTTP client sends with every request: httptools ends
such a request after its headers, and would parse its body as the next request.
"""

import logging
import math
import socket
import struct
import uuid
from asyncio import BaseTransport, Transport
from functools import partial
from http import HTTPStatus
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from ..api.problems import Problem, ProblemResponse
from ..settings import Settings
from .limits import MAX_PIPELINED, Limits
from .request_headers import (
    PIECE,
    Refused,
    RequestHeaders,
    UnknownVersion,
    authority_of,
    check_coding,
    check_host,
    check_version,
    with_host,
    without_upgrade,
)
from .slow_reader import SlowReader
from .sockets import without_mapping
from .timer import Timer
from .transport import OneWrite

LAST_READ_SECONDS = 0.005  # between the end of the idle time and closing
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, and no time to linger

log = logging.getLogger("cutout.connection")


def http_protocol(settings: Settings) -> Any:
    """Make the `http` argument of `uvicorn.Config`; picklable, as worker processes need it."""
    return partial(Connection, limits=Limits.of(settings))


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, with a time limit for everything that it waits for.

    Pipelined requests are answered one after another: `cycle` is the last request received,
    `_answering` the one being answered.
    """

    def __init__(self, *args: Any, limits: Limits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._request = RequestHeaders(self.loop, limits.header_seconds, self._headers_late)
        self._rest_of_body = Timer(self.loop, self._cut_off)
        self._reader = SlowReader(self.loop, limits, self._cut_off)
        self._answering: RequestResponseCycle | None = None
        self._headers_complete = True
        self._body_complete = True
        self._refusal: Refused | None = None  # to be sent after the responses due before it

    # Connections: how many there may be, and how long they may be idle.

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin a connection; at the limit, close the one that has been idle longest."""
        one_write = OneWrite(
            cast(Transport, transport), self._reader.closing_unsent, self._is_receiving
        )
        # uvicorn writes and closes through what it is given here. By type, that is no Transport:
        # it has only what uvicorn calls, which a test compares.
        super().connection_made(cast(Transport, one_write))
        if self.client is not None:
            self.client = (without_mapping(self.client[0]), self.client[1])
        # uvicorn's idle timer starts only after the first response; until then, this time runs.
        self._request.restart()
        if len(self.connections) > self._limits.connections:  # this one is counted already
            self._close_one()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers, and tell the request in progress that its client has disconnected."""
        self._request.stop()
        self._rest_of_body.stop()
        self._reader.stop()
        self.pipeline.clear()
        if self._answering is not None:  # uvicorn tells only the last request received
            self._answering.disconnected = True
            self._answering.message_event.set()  # `receive` returns http.disconnect
        super().connection_lost(exc)

    def _close_one(self) -> None:
        """Close the connection that has been idle longest; this one if none is idle."""
        others = cast(set[Connection], self.connections)
        # This one is among them, and not idle: it has no idle timer yet.
        idle = min(others, key=Connection.idle_until)
        if idle.idle_until() < math.inf:
            idle.transport.close()
        else:
            self._cut_off()

    def idle_until(self) -> float:
        """Return the loop time at which this idle connection closes; infinity if it is not idle."""
        timer = self.timeout_keep_alive_task
        # uvicorn starts its timer after an early response too, while the body still arrives.
        if timer is None or not self._body_complete or self.transport.is_closing():
            return math.inf
        return timer.when()

    def timeout_keep_alive_handler(self) -> None:
        """Read once more before closing: on a busy server, the next request may have arrived."""
        close = super().timeout_keep_alive_handler
        self.timeout_keep_alive_task = self.loop.call_later(LAST_READ_SECONDS, close)

    def _stop_idling(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def _cut_off(self) -> None:
        """End the connection at once, and with it what the kernel holds to be sent."""
        # abort() drops only what this process holds; the kernel would still send what it has.
        if (connected := self.transport.get_extra_info("socket")) is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.transport.abort()

    def _is_receiving(self) -> bool:
        return not self._body_complete

    # Requests: from bytes to headers to body.

    def data_received(self, data: bytes) -> None:
        """Parse data, a piece at a time; refuse what is malformed or beyond the limits."""
        # Not uvicorn's: it gives the parser everything at once, and does not know Refused.
        self._stop_idling()
        try:
            for start in range(0, len(data), PIECE):
                # While the connection lingers (OneWrite), what arrives is read, and dropped here.
                if self._refusal is not None or self.transport.is_closing():
                    return
                self._receive(data[start : start + PIECE])  # a read of one piece is not copied
        except (httptools.HttpParserError, Refused) as error:
            self._refuse(self._refusal_for(error))

    def _receive(self, data: bytes) -> None:
        self._parse(data)
        # Still awaited after parsing: the data did not complete the headers.
        if self._request.awaited:
            self._request.received(len(data))
        elif self._body_complete and self._answering is None:
            # The data belongs to no request: an empty line, or the rest of a body whose response
            # was early. It has stopped the timer for idle connections, so another has to run.
            self._request.restart()

    def _parse(self, data: bytes) -> None:
        """Parse data; a request to upgrade is parsed again without asking for it.

        A server that does not support an upgrade ignores it (RFC 9110, 7.8).
        """
        rest: bytes | None = data
        while rest is not None:
            rest = self._parse_until_upgrade(rest)

    def _parse_until_upgrade(self, data: bytes) -> bytes | None:
        """Parse data; return what has to be parsed again, if anything."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            method = self.parser.get_method()
            if method == b"CONNECT":  # for llhttp always an upgrade
                raise Refused("CONNECT is not supported: this server is not a proxy") from None
            version = self.parser.get_http_version()
            rest = without_upgrade(method, self.url, version, self.headers)
            self.parser = httptools.HttpRequestParser(self)  # the old one has stopped here
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
            # The argument is where the headers end in `data`; what follows is not parsed yet.
            return rest + data[upgrade.args[0] :]
        return None

    def _asks_for_upgrade(self) -> bool:
        return bool(self.parser.should_upgrade())

    def on_message_begin(self) -> None:
        """Start the time and the count of a request's headers."""
        super().on_message_begin()
        self._headers_complete = False
        self._body_complete = False
        self._request.begin()

    def on_url(self, url: bytes) -> None:
        """Count the bytes of the target. Raises Refused where the headers become too large."""
        self._request.parsed(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. Raises Refused where there are too many, or they become too large."""
        self._request.parsed_header(name, value)
        # A trailer is not a header (RFC 9110, 6.5.1): it could name another address or key.
        if not self._headers_complete:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check version, Host and coding, and start the request. Raises Refused for a wrong one."""
        # Parsed again without Upgrade, which calls this again; until then, the time runs on.
        if self._asks_for_upgrade():
            return
        self._request.stop()
        version = self.parser.get_http_version()
        check_version(version)
        # Before an absolute target replaces it: two Host headers are an error in any case.
        check_host(self.headers, version)
        check_coding(self.headers)
        if (authority := authority_of(self.url)) is not None:
            # In place: the scope that uvicorn made has this list.
            self.headers[:] = with_host(self.headers, authority)
        if version == "1.0":  # would take an interim 100 for the response (RFC 9110, 10.1.1)
            self.expect_100_continue = False
        super().on_headers_complete()
        self._headers_complete = True
        # uvicorn has put the request into `pipeline` if another is being answered. Then it pauses
        # reading, but one read may hold many requests.
        if not self.pipeline:
            self._answering = self.cycle
        if len(self.pipeline) > MAX_PIPELINED:
            raise Refused(f"more than {MAX_PIPELINED} requests were pipelined; wait for responses")

    def on_message_complete(self) -> None:
        """Note that the body is complete."""
        if self._asks_for_upgrade():
            return
        self._body_complete = True
        self._rest_of_body.stop()
        super().on_message_complete()

    def _headers_late(self) -> None:
        if self.flow.read_paused:  # by us, while earlier requests are being answered
            self._request.restart()
        else:
            self._cut_off()

    # Responses: in order, and to a reader who keeps up.

    def on_response_complete(self) -> None:
        """Go on to the next pipelined request, or wait for what is left of the body."""
        cast(OneWrite, self.transport).flush()
        # Both before super(), which takes the next request out of `pipeline`.
        is_last = self._answering is self.cycle
        self._answering = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if self._refusal is not None and self._answering is None:
            self._send_refusal(self._refusal)
        elif is_last and self._headers_complete and not self._body_complete:
            # The response was early: for a while, what is left of the body is read and discarded.
            self._rest_of_body.start(self._limits.body_seconds)
        self._reader.response_written()

    def pause_writing(self) -> None:
        """Start the time in which the client has to read, as the write buffer is full."""
        super().pause_writing()
        self._reader.buffer_full()

    def resume_writing(self) -> None:
        """Stop the time in which the client has to read."""
        closing = self.transport.is_closing()
        self._reader.buffer_low(closing, responding=self._answering is not None)
        super().resume_writing()

    def _refuse(self, refusal: Refused) -> None:
        """Send a refusal and close, after the responses due before it (RFC 9112, 9.3.2)."""
        receiving_body = self._headers_complete and not self._body_complete
        in_progress = receiving_body and self.cycle is self._answering
        if self._answering is None or (in_progress and not self._answering.response_started):
            # OneWrite drops what the application may still respond: the connection is closing.
            self._send_refusal(refusal)
        elif in_progress:
            self.transport.close()
        else:
            # Else its time could end the connection before the responses that are due.
            self._request.stop()
            self._refusal = refusal

    def _refusal_for(self, error: Exception) -> Refused:
        """Return the refusal for an error: our own, perhaps wrapped by the parser, or a new one."""
        # httptools raises an error of its own, with what a callback raised as its context.
        for cause in (error, error.__context__):
            if isinstance(cause, Refused):
                return cause
        if self.parser.get_method() == b"PRI":  # how HTTP/2 begins (RFC 9113, 3.4)
            return UnknownVersion("2.0")
        return Refused("not a valid HTTP/1.1 request; this port speaks HTTP/1.1, without TLS")

    def send_400_response(self, msg: str) -> None:
        """Refuse a request in the form of our problems; called by uvicorn."""
        self._send_refusal(Refused(msg))

    def _send_refusal(self, refusal: Refused) -> None:
        """Send a problem as the application would, which never sees this request."""
        request_id = uuid.uuid4().hex
        title = HTTPStatus(refusal.status).phrase
        detail = str(refusal)
        problem = Problem(title=title, status=refusal.status, code=refusal.code, detail=detail)
        body = problem.model_dump_json(exclude_none=True).encode()
        log.warning("malformed request", extra={"request_id": request_id, "detail": detail})
        headers = (
            f"HTTP/1.1 {refusal.status} {title}",
            f"content-type: {ProblemResponse.media_type}",
            f"content-length: {len(body)}",
            f"x-request-id: {request_id}",
            "connection: close",
            "\r\n",  # joined, an empty line: the end of the headers
        )
        # OneWrite takes this for headers whose body follows; close() flushes it.
        self.transport.write("\r\n".join(headers).encode() + body)
        self.transport.close()
