"""An internet of our own on the loopback interface: HTTP servers that send what they are told, and
a resolver.

Where a test says so, 127.0.0.1 plays a public address; every other address of this machine stands
for a private one.
"""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from app.fetch import Address, UrlFetcher

PUBLIC = "127.0.0.1"
PRIVATE = "127.0.0.2"

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


def only_public(address: Address) -> bool:
    return address == ipaddress.ip_address(PUBLIC)


def response(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP/1.1 response; its length is announced unless `headers` says otherwise."""
    lines = {
        "content-length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def redirect(url: str, status: str = "302 Found") -> bytes:
    return response(status=status, location=url)


@dataclass
class Server:
    """What one server was asked: the head of every request that reached it."""

    port: int = 0
    heads: list[str] = field(default_factory=list)


@contextlib.asynccontextmanager
async def serving(
    answer: bytes | Script | dict[str, bytes],
    address: str = PUBLIC,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """A server that sends these bytes to every client, or by the path, or lets `answer` write
    what it likes."""
    server, conversations = Server(), set[asyncio.Task[None]]()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.ensure_future(converse(reader, writer)))

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            server.heads.append(head)
            if callable(answer):
                await answer(writer)
            else:
                writer.write(answer if isinstance(answer, bytes) else answer[head.split(" ")[1]])
                await writer.drain()

    running = await asyncio.start_server(connected, address, 0, ssl=tls)
    server.port = running.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        running.close()
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


class Names:
    """A resolver with answers of our own.

    Several lists for a name are given out one after the other.
    """

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers, self.asked = (
            {name.replace("_", "."): list(lists) for name, lists in answers.items()},
            list[str](),
        )

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        lists = self.answers.get(host)
        if lists is None:
            raise OSError("unknown name")
        return lists.pop(0) if len(lists) > 1 else lists[0]


def fetcher(
    names: Names | None = None,
    max_bytes: int = 100_000,
    seconds: float = 5,
    redirects: int = 3,
    tls: ssl.SSLContext | None = None,
) -> UrlFetcher:
    """A fetcher for which 127.0.0.1 is public, by default under the name `images.example`."""
    names = names or Names(images_example=[[PUBLIC]])
    return UrlFetcher(max_bytes, seconds, redirects, names, only_public, tls)
