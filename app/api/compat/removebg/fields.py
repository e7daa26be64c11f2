"""The fields of a request, read from a form or from JSON, and the images that they hold or name."""

import asyncio
import binascii
import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request

from cutout.errors import DownloadFailed, InvalidUrl, MalformedRequest
from cutout.system.clock import Clock

from ....fetch import UrlFetcher
from ...intake.forms import check_length, is_left_empty
from ..common import fetch
from .schemas import RemoveBgMultipart

MAX_JSON_VALUES = 10_000  # of a body, nested ones included

IMAGES = frozenset({"image_file", "image_file_b64", "bg_image_file"})
"""Fields that hold an image, and may be as long as the body."""
SOURCES = ("image_file", "image_url", "image_file_b64")
BACKGROUND_IMAGES = ("bg_image_url", "bg_image_file")
BACKGROUNDS = ("bg_color", *BACKGROUND_IMAGES)

# URL-safe base64, and + turned into a space by a form, as plain base64; without line ends, padding.
BASE64 = bytes.maketrans(b" -_", b"++/")
NOT_BASE64 = b"\r\n\t="

Fields = Mapping[str, str | bytes]


class Refusal(Exception):
    """A refused request: remove.bg's code for the reason, and a sentence for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


async def read_fields(request: Request) -> Fields:
    """Read the fields of the body: images as bytes, all else as text; empty ones are left out.

    Raises MalformedRequest where the body is neither a form nor a JSON object, or a field is too
    long.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return await asyncio.to_thread(json_fields, await request.body())
    fields: dict[str, str | bytes] = {}
    for name, value in (await request.form()).multi_items():
        if name not in RemoveBgMultipart.model_fields or is_left_empty(value):
            continue
        if isinstance(value, UploadFile):
            content = await value.read()
            if name in IMAGES:
                fields[name] = content
            else:
                check_length(name, len(content), IMAGES)
                fields[name] = content.decode("utf-8", "replace")
        else:
            # Large texts come as Latin-1, a character per byte: these are the bytes that were sent.
            fields[name] = value.encode("latin-1") if name in IMAGES else value
    return fields


def json_fields(body: bytes) -> Fields:
    """Read the fields of a JSON object; empty ones and null are left out.

    Raises MalformedRequest where the body is not a JSON object of simple values.
    """
    # Counted first: json.loads holds the GIL, however many objects it makes.
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise MalformedRequest(f"the body has more than {MAX_JSON_VALUES} values")
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("the body is not valid JSON") from error
    if not isinstance(values, dict):
        raise MalformedRequest("the body is not a JSON object")
    known = RemoveBgMultipart.model_fields
    texts = {
        name: _json_value(name, value)
        for name, value in values.items()
        if name in known and value is not None
    }
    return {name: text for name, text in texts.items() if text not in ("", b"")}


def text_of(fields: Fields, name: str) -> str:
    """Return a field as text; empty if it was not sent."""
    value = fields.get(name, "")
    return value if isinstance(value, str) else value.decode("latin-1")


def only_source(fields: Fields) -> str:
    """Return the name of the field with the image. Raises Refusal unless there is exactly one."""
    given = [name for name in SOURCES if name in fields]
    if not given:
        raise Refusal("missing_source", f"send the image in one of {', '.join(SOURCES)}")
    if len(given) > 1:
        raise Refusal("multiple_sources", f"send the image in only one of {', '.join(given)}")
    return given[0]


def background_image(fields: Fields) -> str | None:
    """Return the name of the field with the background image, if any."""
    return next((name for name in BACKGROUND_IMAGES if name in fields), None)


async def load(name: str, fields: Fields, fetcher: UrlFetcher | None, clock: Clock) -> bytes:
    """Load the image that a field holds or names.

    Raises Refusal where it is not valid base64, or its URL is invalid or cannot be fetched.
    """
    value = fields[name]
    if name == "image_file_b64":
        encoded = value if isinstance(value, bytes) else value.encode()
        return await asyncio.to_thread(from_base64, encoded)
    if name in IMAGES:
        return value if isinstance(value, bytes) else value.encode()
    try:
        return await fetch(text_of(fields, name).strip(), fetcher, clock)
    except InvalidUrl as error:
        raise Refusal(f"invalid_{name}", error.detail) from error
    except DownloadFailed as error:
        code = "failed_image_download" if name == "image_url" else "failed_bg_download"
        raise Refusal(code, error.detail) from error


def from_base64(text: bytes) -> bytes:
    """Decode base64 as clients send it: plain, URL-safe, unpadded, or as a data URL.

    Raises Refusal where it is not valid.
    """
    if text.startswith(b"data:"):
        text = text.partition(b",")[2]
    plain = text.strip().translate(BASE64, NOT_BASE64)
    try:
        # strict_mode: else characters that are not base64 would be skipped without an error.
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except binascii.Error as error:
        raise Refusal("failed_to_read_image", "image_file_b64 is not valid base64") from error


def _json_value(name: str, value: Any) -> str | bytes:
    if isinstance(value, list | dict):
        raise MalformedRequest(f"{name} must be a string, a number, true or false")
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise MalformedRequest(f"{name} contains an unpaired surrogate") from error
    if name in IMAGES:
        return encoded
    check_length(name, len(encoded), IMAGES)
    return text
