"""A load generator that costs little beside a server on the same cores, and stops by itself.

The bytes of requests are made once, responses are received into one reused buffer, and the event
loop is uvloop's. Every measurement reports the CPU time that the generator itself took, so that a
bottleneck in it would show. Loopback only.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np
import uvloop

HOST = "127.0.0.1"
BOUNDARY = b"----cutout-benchmark"
BUFFER = 256 * 1024  # bytes
ANSWER_SECONDS = 120.0  # to wait for a response

T = TypeVar("T")


@dataclass(frozen=True)
class Exchange:
    """One request and its response.

    `status` is 0 where the connection broke. Times are those of `time.perf_counter()`, in seconds;
    `length` is the body's, in bytes.
    """

    started: float
    ended: float
    status: int
    length: int = 0

    @property
    def seconds(self) -> float:
        """How long the response took."""
        return self.ended - self.started


@dataclass(frozen=True)
class Answer:
    """A response; its `body` is empty where it was dropped, `length` is in bytes all the same."""

    status: int
    headers: dict[str, str]
    length: int
    body: bytes


class Connection(asyncio.BufferedProtocol):
    """A keep-alive HTTP/1.1 connection, one exchange at a time.

    Responses need a Content-Length.
    """

    def __init__(self) -> None:
        self._buffer = bytearray(BUFFER)
        self._view = memoryview(self._buffer)
        self._answer: asyncio.Future[Answer] | None = None
        self._head = b""
        self._kept = bytearray()
        self._keep = False
        self._status = 0
        self._length = 0
        self._missing = -1
        self._headers: dict[str, str] = {}
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(
            asyncio.Transport, transport
        )  # uvloop's own, which derives from no class of asyncio

    def connection_lost(self, error: Exception | None) -> None:
        """End the exchange with status 0."""
        self.transport = None
        self._finish(Answer(0, {}, 0, b""))

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer, always the same."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Read headers, or body."""
        if self._missing < 0:
            self._read_head(bytes(self._view[:nbytes]))
        else:
            self._read_body(self._view[:nbytes])

    async def exchange(self, request: bytes, keep: bool = False) -> Answer:
        """Send a request and wait for its complete response, whose body is dropped unless `keep`.

        Raises TimeoutError after ANSWER_SECONDS.
        """
        if self.transport is None:
            return Answer(0, {}, 0, b"")
        self._answer = asyncio.get_running_loop().create_future()
        self._head = b""
        self._missing = -1
        self._keep = keep
        self._kept = bytearray()
        self.transport.write(request)
        return await asyncio.wait_for(self._answer, ANSWER_SECONDS)

    def close(self) -> None:
        """Close the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def _read_head(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return
        first, *lines = self._head[:end].decode("latin-1").split("\r\n")
        self._status = int(first.split(" ", 2)[1])
        self._headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        self._length = self._missing = int(self._headers.get("content-length", "0"))
        if self._status == 100:
            self._head = self._head[end + 4 :]
            self._missing = -1
            self._read_head(b"")
            return
        self._read_body(memoryview(self._head)[end + 4 :])

    def _read_body(self, data: memoryview) -> None:
        self._missing -= len(data)
        if self._keep:
            self._kept += data
        if self._missing <= 0:
            self._finish(Answer(self._status, self._headers, self._length, bytes(self._kept)))

    def _finish(self, answer: Answer) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


class Client:
    """A caller with a connection, which is opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection: Connection | None = None

    async def send(self, request: bytes, keep: bool = False) -> Answer:
        """Send a request and return its response; status 0 where there is none."""
        try:
            if self._connection is None or self._connection.transport is None:
                loop = asyncio.get_running_loop()
                _, self._connection = await loop.create_connection(Connection, HOST, self.port)
            answer = await self._connection.exchange(request, keep)
        except (OSError, TimeoutError):
            self.close()
            return Answer(0, {}, 0, b"")
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    async def timed(self, request: bytes) -> Exchange:
        """Send a request, and return when it began and ended."""
        started = time.perf_counter()
        answer = await self.send(request)
        return Exchange(started, time.perf_counter(), answer.status, answer.length)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(frozen=True)
class Load:
    """The exchanges of a load; `cpu_seconds` is what the generator itself took."""

    exchanges: list[Exchange]
    started: float
    ended: float
    cpu_seconds: float


async def closed_loop(
    port: int,
    requests: Sequence[bytes],
    clients: int,
    seconds: float,
    count: int = 100_000,
    least: int = 0,
) -> Load:
    """Run `clients` callers, each sending its next request when its last is answered.

    Ends after `seconds` or `count` requests, but not before `least` requests are in progress. Each
    client begins at another request of the list than the one before it.
    """
    exchanges: list[Exchange] = []
    begun = time.perf_counter()
    cpu = time.process_time()
    sent = 0

    async def call(number: int) -> None:
        nonlocal sent
        client = Client(port)
        turn = number
        while sent < count and (time.perf_counter() - begun < seconds or sent < least):
            sent += 1
            exchanges.append(await client.timed(requests[turn % len(requests)]))
            turn += 1
        client.close()

    await asyncio.gather(*(call(number) for number in range(clients)))
    ended = time.perf_counter()
    return Load(
        exchanges,
        begun,
        min(ended, begun + seconds) if not least else ended,
        time.process_time() - cpu,
    )


def throughput(exchanges: Iterable[Exchange], started: float, ended: float) -> float:
    """Compute successful requests per second in a window.

    One that reaches beyond its edge counts by the share that is inside.
    """
    total = 0.0
    for exchange in exchanges:
        inside = min(exchange.ended, ended) - max(exchange.started, started)
        if exchange.status == 200 and inside > 0:
            total += inside / exchange.seconds
    return total / (ended - started)


def percentiles(exchanges: Iterable[Exchange]) -> dict[str, float]:
    """Compute p50, p95 and p99 of the successful requests, in milliseconds."""
    times = [1000 * exchange.seconds for exchange in exchanges if exchange.status == 200]
    if not times:
        return {}
    return {f"p{share}_ms": round(float(np.percentile(times, share)), 2) for share in (50, 95, 99)}


def statuses(exchanges: Iterable[Exchange]) -> dict[str, int]:
    """Count each status; `broken` is for connections that broke."""
    counts: dict[str, int] = {}
    for exchange in exchanges:
        name = str(exchange.status or "broken")
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items()))


def upload(path: str, file: bytes, **fields: str) -> bytes:
    """Return the bytes of a multipart POST request with an image and text fields."""
    parts = [
        b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (BOUNDARY, name.encode(), value.encode())
        for name, value in fields.items()
    ]
    parts.append(
        b'--%s\r\nContent-Disposition: form-data; name="file"; filename="image.jpg"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n%s\r\n--%s--\r\n" % (BOUNDARY, file, BOUNDARY)
    )
    body = b"".join(parts)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str) -> bytes:
    """Return the bytes of a GET request."""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on uvloop's event loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


def ask(port: int, request: bytes) -> Answer:
    """Send one request on a connection of its own, and return the response with its body."""

    async def once() -> Answer:
        client = Client(port)
        try:
            return await client.send(request, keep=True)
        finally:
            client.close()

    return run(once())
