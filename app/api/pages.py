"""Pages for people, `/`, `/docs` and `/api`, their assets and their protection in a browser.

Policies after Content Security Policy Level 3 (W3C): nothing from elsewhere, nothing inline, no
plug-ins, no framing. `/docs` is Swagger UI served from here, so it works without the internet.
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
# Not for /docs: Swagger UI writes HTML from strings.
PAGE_POLICY = f"{DOCS_POLICY}; require-trusted-types-for 'script'"
# A worker is under the policy of its own script, not of the page's: it may import the others.
ASSETS_POLICY = "default-src 'none'; script-src 'self'; frame-ancestors 'none'"

ABOUT_DOCS = re.compile(r"\s*<(\w+) [^>]*data-docs\b[^>]*>.*?</\1>", re.DOTALL)

# gzip is named in Accept-Encoding, and not with a weight of 0.
GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0{1,3})?\s*(,|$))", re.IGNORECASE)
TEXT = ("text/", "application/javascript", "application/json", "image/svg")

# In addition to what every response has (`app.api.protect`).
PROTECTION = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",  # revalidate, so that no page gets the scripts of another version
}

router = APIRouter(include_in_schema=False)
docs_router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """Serve the page; without links to `/docs` if that is closed."""
    if services_of(request.app).settings.docs:
        return _html(request, "index.html", PAGE_POLICY)
    headers = {**PROTECTION, "Content-Security-Policy": PAGE_POLICY}
    return HTMLResponse(_page_without_docs(), headers=headers)


@docs_router.api_route("/docs", methods=["GET", "HEAD"])
async def docs(request: Request) -> Response:
    """Serve Swagger UI."""
    return _html(request, "docs.html", DOCS_POLICY)


@router.api_route("/api", methods=["GET", "HEAD"])
async def rembg_docs(request: Request) -> Response:
    """Serve the docs, or the page if they are closed; rembg has its docs here, for probes."""
    return await docs(request) if services_of(request.app).settings.docs else await page(request)


def assets() -> ASGIApp:
    """Return the app that serves scripts, styles and images of the pages; text is compressed."""
    return _FILES


class _Assets(StaticFiles):
    def file_response(
        self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200
    ) -> Response:
        """Serve a file; text compressed, for a client that accepts gzip (a hook of starlette)."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if isinstance(response, FileResponse) and str(response.media_type).startswith(TEXT):
            response = _smaller(response, stat_result.st_mtime_ns, Headers(scope=scope))
        response.headers.update({**PROTECTION, "Content-Security-Policy": ASSETS_POLICY})
        return response


_FILES = _Assets(directory=WEB)


def _html(request: Request, name: str, policy: str) -> Response:
    """Serve an HTML file of `app/web` under a content security policy."""
    path = WEB / name
    response = _FILES.file_response(path, path.stat(), request.scope)
    response.headers["Content-Security-Policy"] = policy
    return response


def _smaller(file: FileResponse, mtime_ns: int, headers: Headers) -> Response:
    """Return the file; compressed, for a client that accepts gzip."""
    response: Response = file
    if GZIP.search(headers.get("accept-encoding", "")):
        response = Response(
            _compressed(Path(file.path), mtime_ns),
            media_type=file.media_type,
            headers=_headers_of_compressed(file),
        )
    response.headers["Vary"] = "Accept-Encoding"
    return response


@cache
def _page_without_docs() -> str:
    return ABOUT_DOCS.sub("", (WEB / "index.html").read_text())


def _headers_of_compressed(response: Response) -> dict[str, str]:
    """Return headers with a weak ETag: a strong one must not stand for both encodings of a file."""
    return {
        "etag": f"W/{response.headers['etag']}",
        "last-modified": response.headers["last-modified"],
        "Content-Encoding": "gzip",
    }


@cache
def _compressed(path: Path, mtime_ns: int) -> bytes:
    """Compress a file; the result is kept until the file changes."""
    return gzip.compress(path.read_bytes(), 6, mtime=0)
