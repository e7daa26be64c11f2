"""What protects every answer in a browser, and the names under which this server answers at all."""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..settings import Settings
from .health import PROBES
from .problems import problem_response

# After OWASP's REST Security Cheat Sheet. Strict-Transport-Security is for whoever ends TLS, in front of this server.
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
    if settings.trusted_hosts:
        app.add_middleware(TrustedHosts, hosts=settings.trusted_hosts)


def protect_answers(app: FastAPI, settings: Settings) -> None:
    """To be called last, so that whatever answers is inside. Pages of other sites may call only from `cors_origins`."""
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("Authorization", "Content-Type", "X-Api-Key", "X-Request-ID"),
            expose_headers=("*",),
        )
    app.add_middleware(SafeHeaders, shared=bool(settings.cors_origins))


class SafeHeaders:
    """ASGI middleware: HEADERS on every answer, except those that a route set itself."""

    def __init__(self, app: ASGIApp, shared: bool) -> None:
        self.app = app
        headers = {
            **HEADERS,
            "Cross-Origin-Resource-Policy": "cross-origin" if shared else "same-origin",
        }
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"].extend(
                    header for header in self.headers if header[0] not in present
                )
            await send(message)

        await self.app(scope, receive, send_safely)


class TrustedHosts:
    """ASGI middleware: 421 for a `Host` that is none of ours, so that no name that somebody else points here (DNS
    rebinding) and no cache in front can be used against callers. `*.example.com` stands for every name below. Probes
    are exempt: an orchestrator asks them by the address of the container, which no list of names has."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        self.names = {host for host in hosts if not host.startswith("*.")}
        self.suffixes = tuple(host[1:] for host in hosts if host.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in PROBES:
            host = _without_port(Headers(scope=scope).get("host", ""))
            if host not in self.names and not host.endswith(self.suffixes or ("\0",)):
                detail = "this server does not answer under this name"
                await problem_response(Request(scope), 421, "unknown_host", detail)(
                    scope, receive, send
                )
                return
        await self.app(scope, receive, send)


def _without_port(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdecimal() else host.lower()
