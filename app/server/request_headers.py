"""Limits on request headers: how long they may take to arrive, and how large they may be.

uvicorn has no such limits: until a request's headers are complete, it gives a sender unlimited time
and memory. A request refused here gets 400, 501 or 505; one that is late is cut off without a
response.
"""

import re
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable

from cutout.errors import MalformedRequest

from .limits import MAX_HEADER_BYTES, MAX_HEADERS
from .timer import Timer

VERSIONS = ("1.0", "1.1")
PIECE = 32 * 1024  # bytes parsed at a time; uvloop reads up to 256 KiB at once
MAX_UNFINISHED_BYTES = MAX_HEADER_BYTES + PIECE  # the first piece may begin with something else
SEPARATORS = len(": \r\n")

HOST = re.compile(rb"[\w.~%!$&'()*+,;=:\[\]-]*", re.ASCII)  # RFC 3986, 3.2.2 and 3.2.3
DELIMITER = re.compile(rb"[/?#]")

Header = tuple[bytes, bytes]


class Refused(Exception):
    """A refused request; the text is for the client.

    Raised in a callback of the parser, which then stops.
    """

    status = 400
    code = MalformedRequest.code


class TooLarge(Refused):
    """Request headers of too many bytes."""

    def __init__(self) -> None:
        super().__init__(f"the request headers have more than {MAX_HEADER_BYTES} bytes; send fewer")


class UnknownVersion(Refused):
    """A request of a version of HTTP that is not spoken here."""

    status = 505
    code = "http_version_not_supported"

    def __init__(self, version: str) -> None:
        super().__init__(
            f"HTTP/{version} is not supported: send HTTP/1.1; for HTTP/2, put a proxy in front"
        )


class UnknownCoding(Refused):
    """A request whose body has a transfer coding that is not supported."""

    status = 501
    code = "not_implemented"

    def __init__(self, coding: str) -> None:
        super().__init__(f"Transfer-Encoding: {coding[:100]} is not supported: send chunked")


class RequestHeaders:
    """The time and the bytes that the headers being received have taken so far."""

    def __init__(
        self, loop: AbstractEventLoop, seconds: float, on_timeout: Callable[[], None]
    ) -> None:
        self._seconds = seconds
        self._timer = Timer(loop, on_timeout)
        self._parsed_bytes = 0
        self._received_bytes = 0
        self._number = 0

    @property
    def awaited(self) -> bool:
        """Whether the time limit is running."""
        return self._timer.running

    def restart(self) -> None:
        """Wait for headers, with the whole time limit from now on."""
        self._timer.start(self._seconds)

    def stop(self) -> None:
        """Stop waiting: the headers are complete, or no longer of interest."""
        self._timer.stop()

    def begin(self) -> None:
        """Note that the parser has found the start of a request."""
        self._parsed_bytes = 0
        self._received_bytes = 0
        self._number = 0
        # It runs already for a new connection's first request, and for one that is parsed again.
        if not self._timer.running:
            self.restart()

    def parsed(self, size: int) -> None:
        """Count bytes of the path. Raises TooLarge beyond MAX_HEADER_BYTES."""
        self._parsed_bytes += size
        if self._parsed_bytes > MAX_HEADER_BYTES:
            raise TooLarge

    def parsed_header(self, name: bytes, value: bytes) -> None:
        """Count a header. Raises Refused beyond MAX_HEADERS or MAX_HEADER_BYTES."""
        self._number += 1
        if self._number > MAX_HEADERS:
            raise Refused(f"the request has more than {MAX_HEADERS} headers; send fewer")
        self.parsed(len(name) + len(value) + SEPARATORS)

    def received(self, size: int) -> None:
        """Count bytes that did not complete the headers.

        The parser keeps an unfinished header to itself, so `parsed` cannot see it grow. Raises
        TooLarge where they are too many.
        """
        self._received_bytes += size
        if self._received_bytes > MAX_UNFINISHED_BYTES:
            raise TooLarge


def check_version(version: str) -> None:
    """Check that the version of HTTP is 1.0 or 1.1. Raises UnknownVersion where it is not."""
    if version not in VERSIONS:
        raise UnknownVersion(version)


def check_host(headers: Iterable[Header], version: str) -> None:
    """Check that there is exactly one Host; HTTP/1.0 may omit it (RFC 9112, 3.2).

    Raises Refused where it is missing, repeated or not a host.
    """
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise Refused(f"a request needs exactly one Host header; this one has {len(hosts)}")
    if not all(map(HOST.fullmatch, hosts)):
        raise Refused("the Host header is not a host name, such as images.example:8000")


def check_coding(headers: Iterable[Header]) -> None:
    """Check that a body has no transfer coding other than chunked (RFC 9112, 6.1).

    Raises UnknownCoding where it has.
    """
    for name, value in headers:
        if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            raise UnknownCoding(value.decode("latin-1"))


def authority_of(target: bytes) -> bytes | None:
    """Return the host and port of a target in absolute form; None for another form.

    Raises Refused where a target in absolute form has no valid host.
    """
    scheme, slashes, rest = target.partition(b"://")
    if not slashes or scheme.lower() not in (b"http", b"https"):
        return None
    authority = DELIMITER.split(rest, maxsplit=1)[0]
    if not authority or not HOST.fullmatch(authority):
        raise Refused("the URL of the request names no valid host; send the path alone")
    return authority


def with_host(headers: Iterable[Header], host: bytes) -> list[Header]:
    """Return the headers with another Host, as an absolute target replaces it (RFC 9112, 3.2.2)."""
    return [(b"host", host), *(header for header in headers if header[0] != b"host")]


def without_upgrade(method: bytes, url: bytes, version: str, headers: Iterable[Header]) -> bytes:
    """Write request line and headers again, without `Upgrade`."""
    lines = [method + b" " + url + b" HTTP/" + version.encode()]
    lines += [name + b": " + value for name, value in headers if name != b"upgrade"]
    return b"\r\n".join([*lines, b"", b""])
