"""Fetch an image from a URL that a client sent, with protection against SSRF.

Each hop, the first and every redirect, is checked: http or https, and a host with public addresses
only. The name is resolved once and the connection goes to the address that was checked, so that a
name that changes in between (DNS rebinding) gains nothing; `Host`, SNI and the certificate's name
remain those of the URL. Proxies from the environment are not used. One time limit covers all hops,
and bytes are counted as they arrive.
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

# Not asyncio's threads, which others need: an unresponsive name server blocks one for 30 s.
_RESOLVERS = ThreadPoolExecutor(8, "resolve")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_HEADERS = 16 * 1024  # bytes of a response's headers
MAX_URL = 8 * 1024  # characters; RFC 9110, 4.1, recommends at least 8000
MAX_HOST = 253  # characters (RFC 1035, 2.3.4); Python's IDNA takes seconds for long names
MAX_ADDRESSES = 4
CHUNK = 16 * 1024

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last four bytes
_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291, 2.4: all that is assigned so far
# Tunnels, which contain another address, networks not in global use (RFC 6890, IANA), of which
# older Pythons know a part, and the address at which Azure answers its own machines.
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "2001::/23",
            "2002::/16",
            "3fff::/20",
            "192.0.0.0/24",
            "192.88.99.0/24",
            "168.63.129.16/32",
        ),
    )
)


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to a host on the internet.

    That is: it is not private, local, shared, reserved or multicast.
    """
    if isinstance(address, ipaddress.IPv6Address):
        # These two before the range of addresses in use, in which neither lies.
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
    """Return all addresses of a host, by the system's resolver. Raises OSError if there is none."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(
        _RESOLVERS, socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM
    )
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True)
class Target:
    """The target of a request; `authority` is its Host header, `path` includes the query string."""

    secure: bool
    host: str
    port: int
    authority: str
    path: str


def parse_url(url: str) -> Target:
    """Make the target of an http(s) URL.

    Raises InvalidUrl where it is too long, malformed, of another scheme, or has credentials in it.
    """
    if len(url) > MAX_URL:
        raise InvalidUrl(f"the URL has {len(url)} characters; the limit is {MAX_URL}")
    # Before urlsplit, which removes tabs and line ends without an error.
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise InvalidUrl(
            "the URL has spaces, control characters or backslashes; percent-encode them"
        )
    try:
        parts = urlsplit(url)
        port = parts.port  # raises ValueError if it is not a number, or too large
    except ValueError as error:
        raise InvalidUrl(f"malformed URL: {error}") from error
    if parts.scheme not in ("http", "https"):
        raise InvalidUrl("the URL must start with http:// or https://")
    if not parts.hostname or "%" in parts.hostname or "@" in parts.netloc or port == 0:
        raise InvalidUrl("the URL must have a host, and neither a user name nor port 0")
    host = _ascii_host(parts.hostname)
    secure = parts.scheme == "https"
    default = 443 if secure else 80
    name = f"[{host}]" if ":" in host else host
    # % is safe: what the client has escaped stays as it is.
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
        f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~-._')}" if parts.query else ""
    )
    return Target(
        secure, host, port or default, name if port in (None, default) else f"{name}:{port}", path
    )


def _read(location: str) -> str:
    """Read the header Location, which is latin-1 to HTTP and often UTF-8 to who wrote it."""
    try:
        return location.encode("latin-1").decode()
    except UnicodeDecodeError:
        return location


def _ascii_host(host: str) -> str:
    if len(host) > MAX_HOST:
        raise InvalidUrl(f"the URL's host has {len(host)} characters; the limit is {MAX_HOST}")
    try:
        return host.encode("idna").decode() if ":" not in host else host
    except UnicodeError as error:
        raise InvalidUrl("the URL has a malformed host name") from error


class UrlFetcher:
    """A client for URLs that callers send: at most `max_bytes`, in `seconds`, after `redirects`.

    `resolve` and `is_public` are parameters so that tests can use a network on this machine; `tls`
    is the context for https, by default with the system's certificates.
    """

    def __init__(
        self,
        max_bytes: int,
        seconds: float,
        redirects: int,
        resolve: Resolve = resolve,
        is_public: Callable[[Address], bool] = is_public,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.max_bytes = max_bytes
        self.seconds = seconds
        self.redirects = redirects
        self._resolve = resolve
        self._is_public = is_public
        self._tls = tls or ssl.create_default_context()

    async def fetch(self, url: str, seconds: float | None = None) -> bytes:
        """Fetch the body of a response with status 200.

        `seconds` is what is left of the request's own time. Raises InvalidUrl or DownloadFailed,
        whose details say nothing about the server's own network, and TooSlow if `seconds` passed.
        """
        limit = self.seconds if seconds is None else min(seconds, self.seconds)
        target = parse_url(url)
        try:
            async with asyncio.timeout(limit):
                for _ in range(self.redirects + 1):
                    answer = await self._get(target)
                    if isinstance(answer, bytes):
                        return answer
                    url, target = _redirected(url, answer)
        # Before OSError, of which TimeoutError is a subclass.
        except TimeoutError:
            if limit < self.seconds:
                detail = "the request took too long (CUTOUT_DEADLINE_SECONDS) fetching the URL"
                raise TooSlow(detail) from None
            raise DownloadFailed(
                f"the URL's response was not complete within {limit:g} s (CUTOUT_URL_SECONDS)"
            ) from None
        except (OSError, h11.ProtocolError) as error:
            raise DownloadFailed("the URL's host is unreachable or broke the connection") from error
        raise DownloadFailed(
            f"the URL redirects more than {self.redirects} times (CUTOUT_URL_REDIRECTS)"
        )

    async def _get(self, target: Target) -> bytes | str:
        """Return the body, or the URL that the response redirects to."""
        async with self._connection(target) as (reader, writer):
            events = _events(target, reader, writer)
            response = await anext(events)
            assert isinstance(response, h11.Response)
            headers = {name: value.decode("latin-1") for name, value in response.headers}
            if response.status_code in REDIRECTS and b"location" in headers:
                return _read(headers[b"location"])
            if response.status_code != 200:
                raise DownloadFailed(
                    f"the URL's response has status {response.status_code}, not 200"
                )
            if headers.get(b"content-encoding", "identity").lower() != "identity":
                raise DownloadFailed("the URL's response is compressed, which was not requested")
            # int() cannot fail: h11 refuses a Content-Length that is not a number.
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
        raise DownloadFailed(
            f"the URL's content exceeds {self.max_bytes} bytes (CUTOUT_MAX_UPLOAD_BYTES)"
        )

    @contextlib.asynccontextmanager
    async def _connection(
        self, target: Target
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """Connect to the first checked address that accepts; closed at the end of the block."""
        # Certificates name hosts without the dot at their end.
        tls, name = (self._tls, target.host.rstrip(".")) if target.secure else (None, None)
        failure = OSError("no address")
        for address in (await self._addresses(target))[:MAX_ADDRESSES]:
            try:
                reader, writer = await asyncio.open_connection(
                    address, target.port, ssl=tls, server_hostname=name
                )
            # Not the time limit: within `asyncio.timeout`, that is a CancelledError.
            except OSError as error:
                failure = error
                continue
            try:
                yield reader, writer
            finally:
                writer.transport.abort()  # complete or useless: no TLS shutdown
            return
        raise failure

    async def _addresses(self, target: Target) -> list[str]:
        """Return every address of the host.

        Raises DownloadFailed if there is none, or one is not public: in the same words, as a client
        must not learn which names exist in the server's network.
        """
        try:
            addresses = await self._resolve(target.host, target.port)
        except (OSError, UnicodeError):
            addresses = []
        # All: anyone who owns the name also chooses their order.
        if not addresses or not all(
            self._is_public(ipaddress.ip_address(address)) for address in addresses
        ):
            raise DownloadFailed("the URL's host has no public address")
        return addresses


def _redirected(url: str, location: str) -> tuple[str, Target]:
    """Resolve a Location header: the new URL and its target. Raises DownloadFailed."""
    try:
        url = urljoin(url, location)
        return url, parse_url(url)
    except (InvalidUrl, ValueError) as error:
        raise DownloadFailed("the URL redirects to an invalid or unsupported URL") from error


async def _events(
    target: Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> AsyncIterator[h11.Event]:
    """Send the request; yield the events of its final response."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADERS)
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
            # A read from a full buffer does not wait: let other tasks, and the time limit, run.
            await asyncio.sleep(0)
            connection.receive_data(await reader.read(CHUNK))  # b"" at the end, as h11 expects
        elif isinstance(event, h11.Response | h11.Data | h11.EndOfMessage):
            yield event
            if isinstance(event, h11.EndOfMessage):
                return
        elif not isinstance(event, h11.InformationalResponse):
            raise h11.RemoteProtocolError(f"unexpected event: {event}")
