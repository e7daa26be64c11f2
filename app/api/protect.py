"""Security headers, CORS, and Host validation."""

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..settings import Settings
from .health import PROBES
from .problems import problem_response

MAX_ORIGIN = 200  # characters that are logged
PROXIED = ("forwarded", "via", "x-forwarded-for", "x-real-ip")  # headers that proxies add

log = logging.getLogger("cutout.access")

# After OWASP's REST Security Cheat Sheet. Strict-Transport-Security is up to what ends TLS.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def check_hosts(app: FastAPI, settings: Settings) -> None:
    """Refuse requests with a Host that is not in CUTOUT_TRUSTED_HOSTS, if that is set."""
    if settings.trusted_hosts:
        app.add_middleware(TrustedHosts, hosts=settings.trusted_hosts)


def protect_answers(app: FastAPI, settings: Settings) -> None:
    """Add security headers to every response, and CORS for CUTOUT_CORS_ORIGINS.

    To be called after all other middleware is added, so that it wraps it.
    """
    # Also if no origin is allowed: then it refuses them, and logs that.
    app.add_middleware(
        Cors,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "Content-Type", "X-Api-Key", "X-Request-ID"),
        expose_headers=("*",) if settings.cors_origins else (),
    )
    app.add_middleware(SafeHeaders, shared=bool(settings.cors_origins))


class Cors(CORSMiddleware):
    """The CORS middleware of starlette, which also logs the origins that it refuses.

    Their pages see only "Failed to fetch".
    """

    async def simple_response(
        self, scope: Scope, receive: Receive, send: Send, request_headers: Headers
    ) -> None:
        """Answer a request without a preflight, such as a form with files (a hook of starlette)."""
        origin = request_headers.get("origin")
        if origin and not self.is_allowed_origin(origin) and _is_elsewhere(origin, request_headers):
            log.warning("response blocked", extra=_refusal(origin, _not_allowed(origin)))
        await super().simple_response(scope, receive, send, request_headers)

    def preflight_response(self, request_headers: Headers) -> Response:
        """Allow or refuse a preflight (a hook of starlette)."""
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        origin = request_headers["origin"]
        reason = self._reason(request_headers)
        log.warning("preflight refused", extra=_refusal(origin, reason))
        scope = {"type": "http", "headers": request_headers.raw}
        return problem_response(Request(scope), 403, "origin_refused", reason)

    def _reason(self, request_headers: Headers) -> str:
        origin = request_headers["origin"]
        if not self.is_allowed_origin(origin):
            return _not_allowed(origin)
        method = request_headers["access-control-request-method"]
        if method not in self.allow_methods:
            return f"a page may send {' or '.join(self.allow_methods)}, not {method[:MAX_ORIGIN]}"
        asked = request_headers.get("access-control-request-headers", "")
        names = ", ".join(self.allow_headers)
        return f"a page may send the headers {names}; the request asks for {asked[:MAX_ORIGIN]}"


def _is_elsewhere(origin: str, headers: Headers) -> bool:
    """Tell whether the page that sent a request is of another origin than this server.

    Browsers say so themselves, except to servers that they reach over plain HTTP. There Host is
    compared, unless a proxy has passed the request on: it may have rewritten Host.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("cross-site", "same-site")
    proxied = any(name in headers for name in PROXIED)
    # Not parsed: of a malformed origin nothing can be known but that it is another.
    return not proxied and origin.partition("://")[2] != headers.get("host")


def _not_allowed(origin: str) -> str:
    origin = origin[:MAX_ORIGIN]
    return f"pages of {origin} may not call; the operator can add it to CUTOUT_CORS_ORIGINS"


def _refusal(origin: str, reason: str) -> dict[str, str]:
    """Make the fields of a refusal's log line."""
    return {"origin": origin[:MAX_ORIGIN], "detail": reason}


class SafeHeaders:
    """ASGI middleware that adds HEADERS to every response, except those that the route has set.

    Redirects become relative: starlette's name the scheme and the path seen here, which behind a
    proxy may be others than the client's.
    """

    def __init__(self, app: ASGIApp, shared: bool) -> None:
        self.app = app
        policy = "cross-origin" if shared else "same-origin"
        headers = {**HEADERS, "Cross-Origin-Resource-Policy": policy}
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the headers to its response."""

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = scope["path"]
                headers = [_relative(header, path) for header in message["headers"]]
                present = {name for name, _ in headers}
                headers.extend(header for header in self.headers if header[0] not in present)
                message["headers"] = headers
            await send(message)

        await self.app(scope, receive, send_safely)


class TrustedHosts:
    """ASGI middleware that refuses unknown `Host` headers with 421.

    Otherwise a name that someone else points here (DNS rebinding), or a cache in front, could be
    used against callers. `*.example.com` stands for every name below it. Probes are exempt: an
    orchestrator sends them to the container's address, which is on no list of names.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        self.names = {host for host in hosts if not host.startswith("*.")}
        self.suffixes = tuple(host[1:] for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on if its Host is allowed, else respond with 421."""
        if scope["type"] == "http" and scope["path"] not in PROBES:
            host = _without_port(Headers(scope=scope).get("host", ""))
            if host not in self.names and not host.endswith(self.suffixes):
                allow = "the operator can allow it: CUTOUT_TRUSTED_HOSTS"
                detail = f"unknown host {host[:100]!r}; {allow}"
                await problem_response(Request(scope), 421, "unknown_host", detail)(
                    scope, receive, send
                )
                return
        await self.app(scope, receive, send)


def _without_port(host: str) -> str:
    # [::1] has colons but no port: `1]` is not decimal.
    name, colon, port = host.lower().rpartition(":")
    return (name if colon and port.isdecimal() else host.lower()).removesuffix(".")


def _relative(header: tuple[bytes, bytes], requested: str) -> tuple[bytes, bytes]:
    """Return the header as it is; of a redirect, the way there from the path that was requested.

    Path and query only, and relative: behind a proxy, this server may have a prefix.
    """
    name, value = header
    if name != b"location":
        return header
    parts = urlsplit(value)
    # `./`, as the first segment could have a colon (RFC 3986, 4.2).
    up = b"../" * (requested.count("/") - 1) or b"./"
    # Without its slashes: two would begin the name of another host.
    return name, urlunsplit((b"", b"", up + parts.path.lstrip(b"/"), parts.query, b""))
