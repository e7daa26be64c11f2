"""Who may call: the keys that the operator gave out, or everybody where there are none."""

import hmac
from collections.abc import Sequence

from fastapi import Depends, Request, Security
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import SecretStr
from starlette.datastructures import Headers

from cutout.errors import Unauthorized

from ..settings import Settings
from .services import services_of

KEY_HEADER = "X-Api-Key"


def check_key(headers: Headers, keys: Sequence[SecretStr]) -> int | None:
    """Which of the keys (from 1 on) a header, `X-Api-Key` or `Authorization: Bearer`, has; None where none are asked
    for. Raises Unauthorized for any other.

    Every key is compared, each in constant time, so that the time taken says nothing of how near a guess was.
    """
    if not keys:
        return None
    given = _given(headers)
    if not given:
        raise Unauthorized(f"send your key in the header {KEY_HEADER}, or as Authorization: Bearer")
    # Headers are latin-1 text; the bytes that were sent are what a key is compared with.
    matches = [
        hmac.compare_digest(given.encode("latin-1"), key.get_secret_value().encode())
        for key in keys
    ]
    if not any(matches):
        raise Unauthorized("this key is not known here")
    return 1 + matches.index(True)


def documented(settings: Settings) -> list[Dependency]:
    """What makes a router's schema say how to authorise: nothing where the operator asks for no key."""
    if not settings.api_keys:
        return []
    return [
        Security(APIKeyHeader(name=KEY_HEADER, auto_error=False)),
        Security(HTTPBearer(auto_error=False)),
    ]


async def _require_key(request: Request) -> None:
    check_key(request.headers, services_of(request.app).settings.api_keys)


RequireKey = Depends(_require_key)
"""For routes that take no upload; `UploadRoute` asks for the key by itself, before it admits a request."""


def _given(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return headers.get(KEY_HEADER) or (token.strip() if scheme.lower() == "bearer" else "")
