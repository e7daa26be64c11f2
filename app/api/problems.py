"""Problem details (RFC 9457): one table from error class to status, one form for native routes."""

import http
import json
import math
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from cutout import errors

from .intake.field_errors import invalid_fields

RETRY_AFTER_SECONDS = 1
MAX_PATH = 100
"""Characters of a path that a message repeats."""
_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {"Retry-After": str(RETRY_AFTER_SECONDS)},
    503: {"Retry-After": str(RETRY_AFTER_SECONDS)},
}
# The rest of the body would be taken for the next request (RFC 9110, 15.5.9).
_UNREAD = {408: {"Connection": "close"}}

STATUS: dict[type[errors.CutoutError], int] = {
    errors.MalformedRequest: 400,
    errors.InvalidUrl: 400,
    errors.DownloadFailed: 400,
    errors.Unauthorized: 401,
    errors.SlowUpload: 408,
    errors.UploadTooLarge: 413,
    errors.ImageTooLarge: 413,
    errors.UnsupportedFormat: 415,
    errors.UndecodableImage: 422,
    errors.EmptyImage: 422,
    errors.UnknownModel: 422,
    errors.InvalidOption: 422,
    errors.RegionOutOfBounds: 422,
    errors.RegionEmpty: 422,
    errors.Overloaded: 429,
    errors.RateLimited: 429,
    errors.Abandoned: 499,  # nginx's: for log and metrics, as the client has disconnected
    errors.OutOfMemory: 503,
    errors.TooSlow: 504,
}


EXAMPLES = {
    400: (
        errors.MalformedRequest.code,
        "the body is not multipart/form-data; send the image as its part `file`",
    ),
    401: (
        errors.Unauthorized.code,
        "no API key; send yours in the header X-Api-Key, or as Authorization: Bearer",
    ),
    404: (errors.UnknownModel.code, "no model 'nobody'; loaded: classifier, segmenter"),
    408: (
        errors.SlowUpload.code,
        (
            "only 81920 bytes of the body arrived within 10 s; send at least 16384 bytes per "
            "second (CUTOUT_MIN_BYTES_PER_SECOND), and all within 20 s (CUTOUT_UPLOAD_SECONDS)"
        ),
    ),
    413: (
        errors.ImageTooLarge.code,
        (
            "the image has 20000 x 20000 = 400000000 pixels; the limit is 64000000: send a smaller "
            "one, or raise CUTOUT_MAX_PIXELS"
        ),
    ),
    415: (
        errors.UnsupportedFormat.code,
        "not a JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIC image; convert it to one of these",
    ),
    422: (
        errors.UndecodableImage.code,
        "the image is corrupt, truncated or an unsupported variant of its format",
    ),
    429: (
        errors.Overloaded.code,
        "overloaded: all 34 permits are taken (CUTOUT_THREADS + CUTOUT_QUEUE); retry in 1 s",
    ),
    503: ("shutting_down", "the server is shutting down; retry the request"),
    504: (
        errors.TooSlow.code,
        (
            "the request took longer than 30 s (CUTOUT_DEADLINE_SECONDS); "
            "retry, or send a smaller image"
        ),
    ),
}


class InvalidField(BaseModel):
    """A field of a request with an invalid value, and what is wrong with it."""

    field: str = Field(examples=["threshold"])
    message: str = Field(examples=["'2' is out of range: it must be at most 1"])


MAX_LOGGED = 64  # characters of a field's name, which may be one that the client made up


class Problem(BaseModel):
    """The details of a problem (RFC 9457). `code` is stable; `detail` is for people."""

    type: str = Field("about:blank", description="always about:blank: `code` says what happened")
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    code: str = Field(description="stable, to switch on", examples=["undecodable_image"])
    detail: str = Field(examples=["the JPEG is truncated: no frame header"])
    errors: list[InvalidField] | None = Field(
        None, description="field by field, for invalid_option"
    )


class ProblemResponse(Response):
    """A response with a problem as its body."""

    media_type = "application/problem+json"


def problem_response(
    request: Request,
    status: int,
    code: str,
    detail: str,
    fields: list[InvalidField] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Make the response for a problem, and note its code in the request for log and metrics.

    A route whose clients know another form of error writes it by a method `render_problem(problem,
    request)`.
    """
    request.state.problem = code
    request.state.retry_after = int((headers or {}).get("Retry-After", RETRY_AFTER_SECONDS))
    request.state.fields = [each.field[:MAX_LOGGED] for each in fields or ()]
    problem = Problem(title=_title(status), status=status, code=code, detail=detail, errors=fields)
    render: Callable[[Problem, Request], Response] = getattr(
        request.scope.get("route"), "render_problem", _render
    )
    response = render(problem, request)
    # By the status as written: remove.bg's layer turns 401 into 403, which asks for no Bearer. A
    # body that was not read is one by our own status: the same layer turns 408 into 400.
    written, unread = _HEADERS.get(response.status_code, {}), _UNREAD.get(status, {})
    response.headers.update({**written, **unread, **(headers or {})})
    return response


def _render(problem: Problem, request: Request) -> Response:
    content = json.dumps(problem.model_dump(exclude_none=True), ensure_ascii=False)
    return ProblemResponse(content, problem.status)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Make the `responses` of a route that may fail with these statuses."""
    return {
        status: {
            "description": _title(status),
            "model": Problem,
            "content": {ProblemResponse.media_type: _schema_and_example(status)},
        }
        for status in statuses
    }


def _schema_and_example(status: int) -> dict[str, Any]:
    code, detail = EXAMPLES[status]
    example = Problem(title=_title(status), status=status, code=code, detail=detail)
    return {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": example.model_dump(exclude_none=True),
    }


def install(app: FastAPI) -> None:
    """Turn every error of the app into a problem; `Observe` does so with unhandled exceptions.

    The handlers are coroutines although they await nothing: starlette runs other functions in a
    thread, which would double the time of a refusal, just when there are many.
    """
    app.add_exception_handler(errors.CutoutError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.CutoutError)
    status = STATUS.get(type(error), 500)
    detail = error.detail if status != 500 else "the server failed; its log says why"
    headers = None
    if isinstance(error, errors.RateLimited):
        headers = {"Retry-After": str(math.ceil(error.seconds))}
    return problem_response(request, status, error.code, detail, headers=headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    invalid = invalid_fields(error, request)
    fields = [InvalidField(field=name, message=message) for name, message in invalid]
    missing = all(item["type"] == "missing" for item in error.errors())
    code = "missing_field" if missing else "invalid_option"
    detail = "; ".join(f"{item.field}: {item.message}" for item in fields)
    return problem_response(request, 422, code, detail, fields)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _title(error.status_code).lower().replace(" ", "_")
    headers = dict(error.headers or {})
    detail = str(error.detail)
    if error.status_code == 404:
        path = request.url.path[:MAX_PATH]
        hint = "; GET /docs describes the API" if request.app.openapi_url else ""
        detail = f"no such path: {path!r}{hint}"
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
        path = request.url.path[:MAX_PATH]
        detail = f"{path} does not allow {request.method}; it allows {headers['Allow']}"
    return problem_response(request, error.status_code, code, detail, headers=headers)


def _allowed(request: Request) -> str:
    """Return every method of the path (RFC 9110, 10.2.1).

    Starlette names only those of the first route with the path.
    """
    routes = request.app.routes

    def has_route(method: str) -> bool:
        # Below a mount, such as /assets, the scope has another root.
        root = request.scope.get("app_root_path", request.scope["root_path"])
        scope = {**request.scope, "method": method, "root_path": root}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    methods = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
    return ", ".join(filter(has_route, methods))


def unexpected(request: Request) -> Response:
    """Make the response after an unhandled exception; it says nothing internal."""
    return problem_response(request, 500, "internal_error", "the server failed; its log says why")


def shutting_down(request: Request) -> Response:
    """Make the response to a request that was cancelled by a shutdown (CUTOUT_DRAIN_SECONDS)."""
    detail = "the server is shutting down; retry the request"
    return problem_response(request, 503, "shutting_down", detail)


def _title(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == 499 else "Error"
