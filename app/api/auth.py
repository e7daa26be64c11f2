"""API-key authentication."""

import hmac
from collections.abc import Sequence
from typing import Any

from fastapi import Depends, Request
from pydantic import SecretStr
from starlette.datastructures import Headers

from cutout.errors import Unauthorized

from ..settings import Settings
from .services import services_of

KEY_HEADER = "X-Api-Key"

SCHEMES: dict[str, dict[str, Any]] = {
    "APIKeyHeader": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
    "HTTPBearer": {"type": "http", "scheme": "bearer"},
}
"""OpenAPI security schemes, by name: the two ways to send a key."""


def check_key(headers: Headers, keys: Sequence[SecretStr]) -> int | None:
    """Find the key of a request in `X-Api-Key` or `Authorization: Bearer`.

    Returns its number, from 1 on, or None if `keys` is empty and none is needed. Raises
    Unauthorized for a missing or unknown key.

    The key is compared with every known one, each time in constant time, so that the time taken
    does not tell how close a guess was.
    """
    if not keys:
        return None
    given = _given(headers)
    if not given:
        raise Unauthorized(
            f"no API key; send yours in the header {KEY_HEADER}, or as Authorization: Bearer"
        )
    # Header values are Latin-1 text; the bytes that were sent are compared.
    sent = given.encode("latin-1")
    matches = [hmac.compare_digest(sent, key.get_secret_value().encode()) for key in keys]
    if not any(matches):
        raise Unauthorized("unknown API key; ask the operator for one of CUTOUT_API_KEYS")
    return 1 + matches.index(True)


async def _require_key(request: Request) -> None:
    settings: Settings = services_of(request.app).settings
    check_key(request.headers, settings.api_keys)


RequireKey = Depends(_require_key)
"""For routes without an upload; `UploadRoute` checks the key itself, before taking a permit."""


def _given(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return headers.get(KEY_HEADER, "").strip(" \t") or bearer
