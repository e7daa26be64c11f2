"""`/`, the page for people, and how every HTML page and its assets are protected in a browser.

Policies after Content Security Policy Level 3 (W3C): nothing from elsewhere, nothing inline, no plug-ins, no framing.
"""

import gzip
import re
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from .services import services_of

WEB = Path(__file__).parent.parent / "web"

DOCS_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_POLICY = (
    f"{DOCS_POLICY}; require-trusted-types-for 'script'"  # Swagger UI writes HTML from strings
)

ABOUT_DOCS = re.compile(r"\s*<(\w+) [^>]*data-docs\b[^>]*>.*?</\1>", re.DOTALL)

GZIP = re.compile(
    r"\bgzip\b(?!\s*;\s*q=0(\.0{1,3})?\s*(,|$))", re.IGNORECASE
)  # named, and not with a weight of 0
TEXT = ("text/", "application/javascript", "application/json", "image/svg")

# Beside what every answer has (`app.api.protect`).
PROTECTION = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",  # ask whether it changed, so that no page meets the scripts of another version
}

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    if services_of(request.app).settings.docs:
        return html("index.html", PAGE_POLICY)
    return HTMLResponse(
        _without_docs(), headers={**PROTECTION, "Content-Security-Policy": PAGE_POLICY}
    )


def html(name: str, policy: str) -> FileResponse:
    """An HTML file of `app/web` under a content security policy."""
    headers = {**PROTECTION, "Content-Security-Policy": policy}
    return FileResponse(WEB / name, media_type="text/html", headers=headers)


@cache
def _without_docs() -> str:
    """The page where the operator has closed `/docs`: nothing on it leads there."""
    return ABOUT_DOCS.sub("", (WEB / "index.html").read_text())


def assets() -> ASGIApp:
    """Scripts, styles and pictures of the pages; text is compressed, once."""
    return _Assets(directory=WEB)


class _Assets(StaticFiles):
    def file_response(
        self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        media_type, encodings = (
            str(response.media_type),
            Headers(scope=scope).get("accept-encoding", ""),
        )
        if isinstance(response, FileResponse) and media_type.startswith(TEXT):
            if GZIP.search(encodings):
                # Other bytes than the file's: only a weak tag may stand for both (RFC 9110, 8.8.3.3).
                headers = {
                    "etag": f"W/{response.headers['etag']}",
                    "last-modified": response.headers["last-modified"],
                }
                body = _compressed(Path(full_path), stat_result.st_mtime_ns)
                response = Response(
                    body, media_type=media_type, headers={**headers, "Content-Encoding": "gzip"}
                )
            response.headers["Vary"] = "Accept-Encoding"
        response.headers.update(PROTECTION)
        return response


@cache
def _compressed(path: Path, mtime_ns: int) -> bytes:
    """The file at that state of it, for a client that takes gzip."""
    return gzip.compress(path.read_bytes(), 6, mtime=0)
