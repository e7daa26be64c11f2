"""`/`, the page for people, and how every HTML page and its assets are protected in a browser.

Policies after Content Security Policy Level 3 (W3C): nothing from elsewhere, nothing inline, no plug-ins, no framing.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from app.api.services import services_of

WEB = Path(__file__).parent.parent / "web"

DOCS_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE_POLICY = f"{DOCS_POLICY}; require-trusted-types-for 'script'"  # Swagger UI writes HTML from strings

ABOUT_DOCS = re.compile(r"\s*<(\w+) [^>]*data-docs\b[^>]*>.*?</\1>", re.DOTALL)

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
    return HTMLResponse(_without_docs(), headers={**PROTECTION, "Content-Security-Policy": PAGE_POLICY})


def html(name: str, policy: str) -> FileResponse:
    """An HTML file of `app/web` under a content security policy."""
    headers = {**PROTECTION, "Content-Security-Policy": policy}
    return FileResponse(WEB / name, media_type="text/html", headers=headers)


@cache
def _without_docs() -> str:
    """The page where the operator has closed `/docs`: nothing on it leads there."""
    return ABOUT_DOCS.sub("", (WEB / "index.html").read_text())


def assets() -> ASGIApp:
    """Scripts, styles and pictures of the pages, compressed on the way."""
    return GZipMiddleware(_Assets(directory=WEB), compresslevel=6)


class _Assets(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(PROTECTION)
        return response
