"""`/v1.0/removebg` and `/v1.0/account` as remove.bg's API has them: its fields in, our native options' answer out.

`native_options` is the translation. A value that the native options don't take is refused under the code that
remove.bg has for its field. docs/migrating.md lists each field.
"""

import asyncio
import base64
import binascii
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cutout.errors import DownloadFailed, InvalidOption, InvalidUrl, MalformedRequest
from cutout.options import Color, CutoutOptions, Format
from cutout.results import Result
from cutout.sources import File
from cutout.system.clock import Clock

from ....admission.permits import Permits
from ....admission.workers import Workers
from ....fetch import UrlFetcher
from ... import jobs
from ...auth import KEY_HEADER, RequireKey
from ...intake.forms import check_length, is_left_empty
from ...intake.upload_route import UploadRoute
from ...native.routes import ANSWER_HEADERS, image_response
from ...problems import RETRY_AFTER_SECONDS, Problem, problem_response
from ...services import clock_of, services_of
from ..common import WITHOUT_EFFECT_HEADER, fetch, name_without_effect
from .schemas import (
    Account,
    AccountAttributes,
    AccountData,
    ApiUse,
    Credits,
    RemoveBgErrors,
    RemoveBgJson,
    RemoveBgMultipart,
    RemoveBgResult,
)

MEGAPIXELS = {
    "preview": 0.25,
    "small": 0.25,
    "regular": 0.25,
    "500px": 0.25,
    "medium": 1.5,
    "hd": 4.0,
    "50mp": 50.0,
}
FULL = frozenset({"full", "4k", "auto"})
FULL_PNG, FULL_OTHERS = 10.0, 25.0
FORMATS = {
    "auto": Format.auto,
    "png": Format.png,
    "jpg": Format.jpeg,
    "webp": Format.webp,
    "zip": Format.zip,
}
COARSE_TYPES = {
    "car_interior": "car",
    "car_part": "car",
    "transportation": "other",
    "graphics": "other",
}
TYPES = frozenset({"person", "product", "animal", "car", "other", *COARSE_TYPES})
TYPE_LEVELS = frozenset({"none", "1", "2", "latest"})
FLAGS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}
CREDITS = 1_000_000  # never charged; some clients stop where a balance is low
MAX_JSON_VALUES = 10_000

BASE64, NOT_BASE64 = bytes.maketrans(b" -_", b"++/"), b"\r\n\t="
PICTURES = frozenset({"image_file", "image_file_b64", "bg_image_file"})
SOURCES = ("image_file", "image_url", "image_file_b64")
BACKGROUNDS = ("bg_color", "bg_image_url", "bg_image_file")

# Native option -> the field it comes from, and the code for a value that it doesn't take.
REFUSALS = {
    "megapixels": ("size", "invalid_size"),
    "channels": ("channels", "invalid_channels"),
    "format": ("format", "invalid_format"),
    "roi": ("roi", "invalid_roi"),
    "margin": ("crop_margin", "invalid_crop_margin"),
    "scale": ("scale", "invalid_scale"),
    "position": ("position", "invalid_position"),
    "background": ("bg_color", "invalid_bg_color"),
}

# Native code -> status and code here. Any other error of a client's is a 400 with its native code.
CONTRACT = {
    "unauthorized": (403, "auth_failed"),
    "overloaded": (429, "rate_limit_exceeded"),
    "rate_limited": (429, "rate_limit_exceeded"),
    "upload_too_large": (400, "file_too_large"),
    "picture_too_large": (400, "resolution_too_high"),
    "unsupported_format": (400, "invalid_file_type"),
    "undecodable_picture": (400, "failed_to_read_image"),
    "empty_picture": (400, "invalid_dimensions"),
    "region_out_of_bounds": (400, "roi_exceeds_bounds"),
    "region_empty": (400, "roi_region_empty"),
}

TITLES = {
    "auth_failed": "API Key invalid",
    "failed_bg_download": "Failed to download the background image",
    "failed_image_download": "Failed to download the image",
    "failed_to_read_image": "The image can't be read",
    "file_too_large": "File too large",
    "invalid_dimensions": "The image has no width or no height",
    "invalid_file_type": "Invalid file type",
    "missing_source": "No image given",
    "multiple_bg_sources": "Multiple background sources given",
    "multiple_sources": "Multiple image sources given",
    "rate_limit_exceeded": "Rate limit exceeded",
    "resolution_too_high": "Resolution too high",
    "roi_exceeds_bounds": "ROI exceeds image bounds",
    "roi_region_empty": "ROI region is empty",
    "unknown_foreground": "Could not identify foreground in image",
}

Fields = Mapping[str, str | bytes]


class Refusal(Exception):
    """A request that can't be answered, with the contract's code for the reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class Asked:
    """A request in our terms; the megapixels that size=full would have; the type of foreground to repeat, if any; and
    the fields that change nothing."""

    options: CutoutOptions
    full: float
    x_type: str | None
    ignored: tuple[str, ...]


class _Errors(APIRoute):
    """A route whose errors are written as remove.bg writes them."""

    def render_problem(self, problem: Problem, request: Request) -> Response:
        status, code = CONTRACT.get(problem.code, (problem.status, problem.code))
        if status < 500 and status not in (402, 403, 405, 429):
            status = 400
        item = {"title": TITLES.get(code, code.replace("_", " ").capitalize()), "code": code}
        if code != "auth_failed":
            item["detail"] = problem.detail
        headers = (
            _rate_limit(services_of(request.app).workers.permits, refused=True)
            if status == 429
            else {}
        )
        return JSONResponse({"errors": [item]}, status, headers)


class RemoveBgRoute(_Errors, UploadRoute):
    large_texts = PICTURES


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return {"schema": model.model_json_schema()}


REQUEST = {
    "parameters": [
        {
            "name": KEY_HEADER,
            "in": "header",
            "description": "the server's key, where it asks for one",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": _schema(RemoveBgMultipart),
            "application/x-www-form-urlencoded": _schema(RemoveBgJson),
            "application/json": _schema(RemoveBgJson),
        },
    },
}
ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": RemoveBgErrors, "description": "A field or the picture can't be used"},
    403: {"model": RemoveBgErrors, "description": "No key, or an unknown one"},
    429: {"model": RemoveBgErrors, "description": "Overloaded, try again"},
    503: {"model": RemoveBgErrors, "description": "Not ready yet"},
    504: {"model": RemoveBgErrors, "description": "It took too long"},
}
NUMBERS = {
    "X-Width": "of the answer, pixels",
    "X-Height": "of the answer, pixels",
    "X-Max-Width": "of the answer to size=full, pixels",
    "X-Max-Height": "of the answer to size=full, pixels",
    "X-Credits-Charged": "always 0",
    "X-RateLimit-Limit": "places of the server",
    "X-RateLimit-Remaining": "places that are free",
    "X-RateLimit-Reset": "when to try again, Unix seconds",
}
FOREGROUND = ("Left", "Top", "Width", "Height")
HEADERS = {
    **{
        name: {"description": what, "schema": {"type": "integer"}} for name, what in NUMBERS.items()
    },
    **{
        f"X-Foreground-{name}": {
            "description": "of the subject in the upload, pixels",
            "schema": {"type": "integer"},
        }
        for name in FOREGROUND
    },
    "X-Type": {
        "description": "the type that was asked for, else other",
        "schema": {"type": "string"},
    },
    **ANSWER_HEADERS,
    **WITHOUT_EFFECT_HEADER,
}
BINARY = {"schema": {"type": "string", "format": "binary"}}
RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "model": RemoveBgResult,
        "description": "The finished picture; in base64 where the client accepts only application/json",
        "content": dict.fromkeys(
            ("image/png", "image/jpeg", "image/webp", "application/zip"), BINARY
        ),
        "headers": HEADERS,
    },
    **ERRORS,
}

# The prefix stands here and not at `router`: a route doesn't know those of routers around its own, and the metrics are
# labelled by what it knows.
PREFIX = "/v1.0"
uploads = APIRouter(prefix=PREFIX, route_class=RemoveBgRoute)
account = APIRouter(prefix=PREFIX, route_class=_Errors)


@uploads.post(
    "/removebg",
    operation_id="removebg",
    summary="Remove the background",
    response_class=Response,
    responses=RESULT,
    openapi_extra=REQUEST,
)
async def removebg(request: Request) -> Response:
    """Remove a picture's background, by remove.bg's fields."""
    services, clock = services_of(request.app), clock_of(request)
    fetcher, workers = services.fetcher, services.workers
    try:
        fields = await _fields(request)
        asked = native_options(fields)
        upload = await _load(_only_source(fields), fields, fetcher, clock)
        background = _background_picture(fields)
        behind = await _load(background, fields, fetcher, clock) if background else None
        result = await jobs.cut_out(services, clock, upload, asked.options, behind)
    except Refusal as refusal:
        return problem_response(request, 400, refusal.code, refusal.detail)
    if not result.subject.found:
        detail = "too little of the picture stands out, or not surely enough"
        return problem_response(request, 400, "unknown_foreground", detail)
    return _answer(result, asked, workers, clock, as_json=_wants_json(request))


@account.get(
    "/account",
    operation_id="removebgAccount",
    summary="A balance, for clients that look at it",
    response_model=Account,
    responses={403: ERRORS[403]},
    dependencies=[RequireKey],
)
async def show_account() -> Response:
    """A balance, for clients that look at it before they send a picture. Nothing is ever charged here."""
    balance = Credits(total=CREDITS, subscription=0, payg=0, enterprise=CREDITS)
    attributes = AccountAttributes(credits=balance, api=ApiUse(free_calls=CREDITS, sizes="all"))
    return JSONResponse(Account(data=AccountData(attributes=attributes)).model_dump())


router = APIRouter(tags=["compatible with remove.bg"])
router.include_router(uploads)
router.include_router(account)


def native_options(fields: Fields) -> Asked:
    """The fields as native options. Raises Refusal with the code of the first field that can't be read."""
    texts = {name: value.strip() for name, value in fields.items() if isinstance(value, str)}
    if _flag(texts, "semitransparency", default="true") is None:
        raise Refusal("invalid_semitransparency", "semitransparency has to be true or false")
    full = _full(texts, fields)
    native = {
        "megapixels": _megapixels(texts, full),
        "format": FORMATS.get(texts.get("format", "auto").lower(), ""),
        "channels": texts.get("channels", "rgba"),
        "roi": _spaced(texts["roi"]) if "roi" in texts else None,
        "crop": _flag(texts, "crop", default="false") or False,
        "margin": _margin(texts.get("crop_margin", "0")),
        "scale": _scale(texts.get("scale", "original")),
        "position": _position(texts),
        "background": _background(texts.get("bg_color")),
    }
    try:
        options = CutoutOptions.model_validate(native)
    except ValidationError as error:
        raise _refusal(error, texts) from None
    _check_backgrounds(fields)
    return Asked(options, full, _x_type(texts), tuple(_without_effect(texts)))


def _flag(texts: Mapping[str, str], name: str, default: str) -> bool | None:
    """None for what says neither yes nor no."""
    return FLAGS.get(texts.get(name, default).lower())


def _without_effect(texts: Mapping[str, str]) -> Iterator[str]:
    """The fields that were sent and change nothing: for want of a shadow, or because they can't be read."""
    changes_nothing = {
        "type": texts.get("type", "auto") != "auto",
        "type_level": texts.get("type_level", "1") not in TYPE_LEVELS,
        "crop": _flag(texts, "crop", default="false") is None,
        "add_shadow": _flag(texts, "add_shadow", default="false") is not False,
        "semitransparency": _flag(texts, "semitransparency", default="true") is False,
        **{name: name in texts for name in ("shadow_method", "shadow_type", "shadow_opacity")},
    }
    return (name for name, without in changes_nothing.items() if without)


def _refusal(error: ValidationError, texts: Mapping[str, str]) -> Refusal:
    invalid = {item["loc"][0] for item in error.errors()}
    native = next(name for name in REFUSALS if name in invalid)
    name, code = REFUSALS[native]
    what = RemoveBgJson.model_fields[name].description
    return Refusal(code, f"{name} can't be {texts.get(name, '')[:100]!r}: {what}")


def _megapixels(texts: Mapping[str, str], full: float) -> float:
    """The limit that a size stands for; 0, which no option takes, for an unknown one."""
    size = texts.get("size", "preview").lower()
    return full if size in FULL else MEGAPIXELS.get(size, 0)


def _full(texts: Mapping[str, str], fields: Fields) -> float:
    """The limit of size=full: less for what will be a PNG, as far as that can be told beforehand."""
    form = texts.get("format", "auto").lower()
    return FULL_PNG if form == "png" or (form == "auto" and not _is_opaque(fields)) else FULL_OTHERS


def _spaced(text: str) -> str:
    """`1,2px  3%` as `1px 2px 3%`: single spaces, and a bare number is pixels."""
    words = re.split(r"\s*[\s,]\s*", text.lower())
    return " ".join(f"{word}px" if word.isdecimal() and word.isascii() else word for word in words)


def _margin(text: str) -> str:
    """In native form, but not the native share without a unit."""
    return _spaced(text) if re.search(r"px|%|^\s*\d+\s*$|[\s,]", text.lower()) else ""


def _scale(text: str) -> float | None:
    """A share of 1; 0, which no option takes, where it can't be read."""
    if text == "original":
        return None
    return float(text[:-1]) / 100 if re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?%", text) else 0.0


def _position(texts: Mapping[str, str]) -> str | None:
    """None for `original`: with a scale it means the middle, as it does where no position is given."""
    position = _spaced(texts.get("position", "original"))
    return None if position == "original" else position


def _background(color: str | None) -> str | None:
    """None for a colour that can't be seen."""
    try:
        return None if color is None or Color.parse(color).alpha == 0 else color
    except InvalidOption:
        return color


def _x_type(texts: Mapping[str, str]) -> str | None:
    """What was asked for, as finely as asked for: what is in the picture is not looked at."""
    level, asked = texts.get("type_level", "1"), texts.get("type", "auto")
    kind = asked if asked in TYPES else "other"
    if level == "none":
        return None
    return kind if level in ("2", "latest") else COARSE_TYPES.get(kind, kind)


def _is_opaque(fields: Fields) -> bool:
    """Whether nothing will be seen through the answer."""
    color = _text(fields, "bg_color").strip()
    try:
        return _background_picture(fields) is not None or (
            color != "" and Color.parse(color).alpha == 255
        )
    except InvalidOption:
        return False


def _background_picture(fields: Fields) -> str | None:
    return next((name for name in BACKGROUNDS[1:] if name in fields), None)


def _check_backgrounds(fields: Fields) -> None:
    visible = _background(_text(fields, "bg_color") or None) is not None
    if visible + sum(name in fields for name in BACKGROUNDS[1:]) > 1:
        raise Refusal("multiple_bg_sources", f"give at most one of {', '.join(BACKGROUNDS)}")


def _only_source(fields: Fields) -> str:
    given = [name for name in SOURCES if name in fields]
    if not given:
        raise Refusal("missing_source", f"give the picture in one of {', '.join(SOURCES)}")
    if len(given) > 1:
        raise Refusal("multiple_sources", f"give the picture in only one of {', '.join(given)}")
    return given[0]


async def _load(name: str, fields: Fields, fetcher: UrlFetcher | None, clock: Clock) -> bytes:
    """The bytes of the picture that a field holds or names."""
    value = fields[name]
    if name == "image_file_b64":
        return await asyncio.to_thread(
            _from_base64, value if isinstance(value, bytes) else value.encode()
        )
    if name in PICTURES:
        return value if isinstance(value, bytes) else value.encode()
    try:
        return await fetch(_text(fields, name).strip(), fetcher, clock)
    except InvalidUrl as error:
        raise Refusal(f"invalid_{name}", error.detail) from error
    except DownloadFailed as error:
        raise Refusal(
            "failed_image_download" if name == "image_url" else "failed_bg_download", error.detail
        ) from error


def _from_base64(text: bytes) -> bytes:
    """Base64 as clients send it: as a data URL, URL-safe, without padding, with `+` turned into a space by a form."""
    if text.startswith(b"data:"):
        text = text.partition(b",")[2]
    plain = text.strip().translate(BASE64, NOT_BASE64)
    try:
        return binascii.a2b_base64(plain + b"=" * (-len(plain) % 4), strict_mode=True)
    except binascii.Error as error:
        raise Refusal("failed_to_read_image", "image_file_b64 is no base64") from error


async def _fields(request: Request) -> Fields:
    """What the body holds: files as bytes, all else as text. Empty fields are left out, as are files not chosen."""
    if (
        request.headers.get("content-type", "").partition(";")[0].strip().lower()
        == "application/json"
    ):
        return await asyncio.to_thread(_json_fields, await request.body())
    fields: dict[str, str | bytes] = {}
    for name, value in (await request.form()).multi_items():
        if name not in RemoveBgMultipart.model_fields or is_left_empty(value):
            continue
        if isinstance(value, UploadFile):
            fields[name] = content = await value.read()
            if name not in PICTURES:
                check_length(name, len(content))
        else:
            fields[name] = value.encode("latin-1") if name in PICTURES else value
    return fields


def _json_fields(body: bytes) -> Fields:
    """The fields of a JSON object. Raises MalformedRequest."""
    # Counted first: whatever json.loads makes of a large body, it holds everybody up while it does.
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise MalformedRequest(f"the body has more than {MAX_JSON_VALUES} values")
    try:
        values = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedRequest("the body is no JSON") from error
    if not isinstance(values, dict):
        raise MalformedRequest("the body is no JSON object")
    texts = {
        name: _json_value(name, value)
        for name, value in values.items()
        if name in RemoveBgMultipart.model_fields
    }
    return {name: text for name, text in texts.items() if text not in ("", "null", b"")}


def _json_value(name: str, value: Any) -> str | bytes:
    if isinstance(value, list | dict):
        raise MalformedRequest(f"{name} has to be a text, a number, true or false")
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise MalformedRequest(f"{name} has half of a character (a lone surrogate)") from error
    if name in PICTURES:
        return encoded
    check_length(name, len(encoded))
    return text


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) else value.decode("latin-1")


def _wants_json(request: Request) -> bool:
    """Whether the client accepts JSON and no picture. Clients that take `*/*` too want the picture."""
    accepted = [
        item.partition(";")[0].strip().lower()
        for item in request.headers.get("accept", "").split(",")
    ]
    return "application/json" in accepted and not any(
        item in ("*/*", "application/zip") or item.startswith("image/") for item in accepted
    )


def _answer(
    result: Result[File], asked: Asked, workers: Workers, clock: Clock, as_json: bool
) -> Response:
    response = image_response(result, clock)
    if as_json:
        native = response.headers
        response = JSONResponse(
            {"data": {"result_b64": base64.b64encode(result.content.data).decode()}}
        )
        response.headers.update(
            {name: text for name, text in native.items() if not name.startswith("content-")}
        )
    response.headers.update(_rate_limit(workers.permits))
    response.headers.update(_sizes(result, asked))
    response.headers["X-Credits-Charged"] = "0"
    if asked.x_type is not None:
        response.headers["X-Type"] = asked.x_type
    return name_without_effect(response, asked.ignored)


def _sizes(result: Result[File], asked: Asked) -> dict[str, str]:
    """The answer's size, the size it would have with size=full, and where in the upload the subject is."""
    now = result.upload.fitting(asked.options.megapixels)
    full = result.upload.fitting(asked.full)
    sizes = {
        "X-Width": result.size.width,
        "X-Height": result.size.height,
        "X-Max-Width": round(result.size.width * full.width / now.width),
        "X-Max-Height": round(result.size.height * full.height / now.height),
    }
    if (box := result.subject.box) is not None:
        places = zip(FOREGROUND, (box.left, box.top, box.width, box.height), strict=True)
        sizes |= {f"X-Foreground-{name}": pixels for name, pixels in places}
    return {name: str(pixels) for name, pixels in sizes.items()}


def _rate_limit(permits: Permits, refused: bool = False) -> dict[str, str]:
    """Places of this server instead of calls a minute; the one that this request holds is as good as free again."""
    remaining = 0 if refused else max(0, permits.total - permits.taken + 1)
    return {
        "X-RateLimit-Limit": str(permits.total),
        "X-RateLimit-Remaining": str(min(remaining, permits.total)),
        "X-RateLimit-Reset": str(int(time.time()) + RETRY_AFTER_SECONDS),
    }
