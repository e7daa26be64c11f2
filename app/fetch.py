"""Fetch an image from a URL that a stranger named, without being led where the stranger can't go (SSRF).

Each hop, the first and every redirect, is checked anew: http or https, and a host all of whose addresses are public.
The name is resolved once and the connection goes to the address that was checked, so that a name whose answer changes
in between (DNS rebinding) gains nothing; `Host`, SNI and the certificate's name remain those of the URL. Proxies from
the environment are not used. One deadline covers all hops, bytes are counted as they arrive.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

import h11

from cutout.errors import DownloadFailed, InvalidUrl, TooSlow

# Of their own: a name whose servers don't answer holds a thread for half a minute, and asyncio's are wanted elsewhere.
_RESOLVERS = ThreadPoolExecutor(8, "resolve")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_HEAD = 16 * 1024
MAX_URL = 8 * 1024  # RFC 9110, 4.1, wants at least 8000 bytes
MAX_HOST = 253  # RFC 1035, 2.3.4, without the lengths of the labels; Python's IDNA takes seconds for long ones
MAX_ADDRESSES = 4
CHUNK = 16 * 1024

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes
_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291, 2.4: all that is given out so far
# Tunnels carry another address inside; the rest is not for use between networks. RFC 6890 and IANA's registries.
_SPECIAL = tuple(
    map(ipaddress.ip_network, ("2001::/23", "2002::/16", "3fff::/20", "192.88.99.0/24"))
)


def is_public(address: Address) -> bool:
    """Whether an address belongs to a host on the internet: not private, local, shared, reserved or multicast."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _UNICAST:
            return False
    special = any(address.version == network.version and address in network for network in _SPECIAL)
    return (
        address.is_global and not address.is_multicast and not address.is_reserved and not special
    )


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, by the system's resolver. Raises OSError for an unknown name."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(
        _RESOLVERS, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM
    )
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Target:
    """Where a request goes, and what it says there."""

    secure: bool
    host: str
    port: int
    authority: str
    path: str


def parse_url(url: str) -> Target:
    """A target from an http(s) URL. Raises InvalidUrl."""
    if len(url) > MAX_URL:
        raise InvalidUrl(f"the URL has more than {MAX_URL} characters")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise InvalidUrl("the URL has characters that no URL may have")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidUrl("the URL can't be read") from error
    if parts.scheme not in ("http", "https"):
        raise InvalidUrl("only http and https URLs are fetched")
    if not parts.hostname or "%" in parts.hostname or "@" in parts.netloc or port == 0:
        raise InvalidUrl("the URL needs a host, and no user name")
    host = _ascii_host(parts.hostname)
    secure = parts.scheme == "https"
    default = 443 if secure else 80
    name = f"[{host}]" if ":" in host else host
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
        f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~-._')}" if parts.query else ""
    )
    return Target(
        secure, host, port or default, name if port in (None, default) else f"{name}:{port}", path
    )


def _ascii_host(host: str) -> str:
    if len(host) > MAX_HOST:
        raise InvalidUrl(f"the URL's host has more than {MAX_HOST} characters")
    try:
        return host.encode("idna").decode() if ":" not in host else host
    except UnicodeError as error:
        raise InvalidUrl("the URL's host name can't be read") from error


class UrlFetcher:
    """Fetches what strangers name. `resolve` and `is_public` are parameters so that tests can have an internet of
    their own; `tls` is the context for https, the system's certificates when absent."""

    def __init__(
        self,
        max_bytes: int,
        seconds: float,
        redirects: int,
        resolve: Resolve = resolve,
        is_public: Callable[[Address], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.max_bytes, self.seconds, self.redirects = max_bytes, seconds, redirects
        self._resolve, self._is_public = resolve, is_public
        self._tls = tls or ssl.create_default_context()

    async def fetch(self, url: str, seconds: float | None = None) -> bytes:
        """The body of a 200 answer, within the limits. Raises InvalidUrl or DownloadFailed, whose details tell nothing
        of the network that this server sits in, and TooSlow where `seconds`, what is left of the request's own time,
        were too few."""
        limit = self.seconds if seconds is None else min(seconds, self.seconds)
        target = parse_url(url)
        try:
            async with asyncio.timeout(limit):
                for _ in range(self.redirects + 1):
                    answer = await self._get(target)
                    if isinstance(answer, bytes):
                        return answer
                    url, target = _redirected(url, answer)
        except TimeoutError:
            if limit < self.seconds:
                raise TooSlow("the request took longer than this server allows") from None
            raise DownloadFailed(
                f"the URL did not answer in full within {limit:g} seconds"
            ) from None
        except (OSError, h11.ProtocolError) as error:
            raise DownloadFailed("the URL's host can't be reached, or breaks off") from error
        raise DownloadFailed(f"the URL redirects more than {self.redirects} times")

    async def _get(self, target: Target) -> bytes | str:
        """The body, or where the answer redirects to."""
        async with self._connection(target) as (reader, writer):
            events = _events(target, reader, writer)
            response = await anext(events)
            assert isinstance(response, h11.Response)
            headers = {name: value.decode("latin-1") for name, value in response.headers}
            if response.status_code in REDIRECTS and b"location" in headers:
                return headers[b"location"]
            if response.status_code != 200:
                raise DownloadFailed(f"the URL answers {response.status_code}")
            if headers.get(b"content-encoding", "identity").lower() != "identity":
                raise DownloadFailed("the URL answers in an encoding that was not asked for")
            return await self._body(events, int(headers.get(b"content-length", "0")))

    async def _body(self, events: AsyncIterator[h11.Event], announced: int) -> bytes:
        body = bytearray()
        if announced <= self.max_bytes:
            async for event in events:
                if isinstance(event, h11.EndOfMessage):
                    return bytes(body)
                if isinstance(event, h11.Data):
                    body += event.data
                if len(body) > self.max_bytes:
                    break
        raise DownloadFailed(f"the URL's content has more than {self.max_bytes} bytes")

    @contextlib.asynccontextmanager
    async def _connection(
        self, target: Target
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """To the first address that takes it, of those that were checked."""
        tls, name = (self._tls, target.host.rstrip(".")) if target.secure else (None, None)
        failure = OSError("no address")
        for address in (await self._addresses(target))[:MAX_ADDRESSES]:
            try:
                reader, writer = await asyncio.open_connection(
                    address, target.port, ssl=tls, server_hostname=name
                )
            except OSError as error:
                failure = error
                continue
            try:
                yield reader, writer
            finally:
                writer.transport.abort()  # the answer is complete or of no use: no handshake to end it
            return
        raise failure

    async def _addresses(self, target: Target) -> list[str]:
        """Every address of the host. Raises DownloadFailed, in the same words, where there is none or one is not
        public: a caller must not learn which names exist in our network."""
        try:
            addresses = await self._resolve(target.host, target.port)
        except (OSError, UnicodeError):
            addresses = []
        if not addresses or not all(
            self._is_public(ipaddress.ip_address(address)) for address in addresses
        ):
            raise DownloadFailed("the URL's host has no public address")
        return addresses


def _redirected(url: str, location: str) -> tuple[str, Target]:
    """The URL that `location` means at `url`, and its target. Raises DownloadFailed."""
    try:
        url = urljoin(url, location)
        return url, parse_url(url)
    except (InvalidUrl, ValueError) as error:
        raise DownloadFailed("the URL redirects to something that is not fetched") from error


async def _events(
    target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[h11.Event]:
    """Send the request; then what comes back, from the final response on."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    request = h11.Request(
        method="GET",
        target=target.path,
        headers=[
            ("Host", target.authority),
            ("User-Agent", "cutout"),
            ("Accept", "image/*"),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
        ],
    )
    writer.write((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
    await writer.drain()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            await asyncio.sleep(
                0
            )  # a read from a full buffer doesn't wait: let others, and the deadline, have a turn
            connection.receive_data(await reader.read(CHUNK))
        elif isinstance(event, h11.Response | h11.Data | h11.EndOfMessage):
            yield event
            if isinstance(event, h11.EndOfMessage):
                return
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError(f"{event} instead of an answer")
