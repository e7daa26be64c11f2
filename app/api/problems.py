"""Errors as problem details (RFC 9457): one table from error class to status, one shape for every native route."""

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
_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    408: {
        "Connection": "close"
    },  # RFC 9110, 15.5.9: the rest of the body would be taken for the next request
    429: {"Retry-After": str(RETRY_AFTER_SECONDS)},
    503: {"Retry-After": str(RETRY_AFTER_SECONDS)},
}

STATUS: dict[type[errors.CutoutError], int] = {
    errors.MalformedRequest: 400,
    errors.InvalidUrl: 400,
    errors.DownloadFailed: 400,
    errors.Unauthorized: 401,
    errors.SlowUpload: 408,
    errors.UploadTooLarge: 413,
    errors.PictureTooLarge: 413,
    errors.UnsupportedFormat: 415,
    errors.UndecodablePicture: 422,
    errors.EmptyPicture: 422,
    errors.UnknownModel: 422,
    errors.InvalidOption: 422,
    errors.RegionOutOfBounds: 422,
    errors.RegionEmpty: 422,
    errors.Overloaded: 429,
    errors.RateLimited: 429,
    errors.Abandoned: 499,
    errors.TooSlow: 504,
}


EXAMPLES = {
    400: (
        errors.MalformedRequest.code,
        "the body is no form; send multipart/form-data with the picture as its part `file`",
    ),
    401: (errors.Unauthorized.code, "a key is needed, in the header X-Api-Key"),
    404: (errors.UnknownModel.code, "no model 'nobody' is loaded"),
    408: (errors.SlowUpload.code, "81920 bytes of the body arrived within 10 seconds"),
    413: (errors.PictureTooLarge.code, "20000 x 20000 pixels; the most taken here is 50000000"),
    415: (errors.UnsupportedFormat.code, "not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF picture"),
    422: (
        errors.UndecodablePicture.code,
        "the picture is broken, cut off, or of a rare kind that is not read here",
    ),
    429: (errors.Overloaded.code, "all places are taken"),
    503: ("shutting_down", "the server is shutting down; send the request again"),
    504: (errors.TooSlow.code, "the deadline has passed"),
}


class InvalidField(BaseModel):
    field: str = Field(examples=["threshold"])
    message: str = Field(examples=["'2' is out of range: it must be at most 1"])


class Problem(BaseModel):
    """RFC 9457 problem details. `code` is stable; `detail` is for people."""

    type: str = Field("about:blank", description="always about:blank: `code` says what happened")
    title: str = Field(examples=["Unprocessable Entity"])
    status: int = Field(examples=[422])
    code: str = Field(description="stable, to switch on", examples=["undecodable_picture"])
    detail: str = Field(examples=["the file starts like a JPEG but can't be decoded"])
    errors: list[InvalidField] | None = Field(
        None, description="field by field, for invalid_option"
    )


class ProblemResponse(Response):
    media_type = "application/problem+json"


def problem_response(
    request: Request,
    status: int,
    code: str,
    detail: str,
    fields: list[InvalidField] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem as the answer to `request`; its code is noted there for the log and the metrics.

    A route whose clients know another shape of error has a `render_problem(problem, request)` that writes it.
    """
    request.state.problem = code
    problem = Problem(title=_title(status), status=status, code=code, detail=detail, errors=fields)
    render: Callable[[Problem, Request], Response] = getattr(
        request.scope.get("route"), "render_problem", _render
    )
    response = render(problem, request)
    response.headers.update({**_HEADERS.get(response.status_code, {}), **(headers or {})})
    return response


def _render(problem: Problem, request: Request) -> Response:
    return ProblemResponse(
        json.dumps(problem.model_dump(exclude_none=True), ensure_ascii=False), problem.status
    )


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` entry of a route for these problem statuses."""
    return {
        status: {
            "description": _title(status),
            "model": Problem,
            "content": {ProblemResponse.media_type: _like(status)},
        }
        for status in statuses
    }


def _like(status: int) -> dict[str, Any]:
    """The schema of a problem, and one of that status as an example."""
    code, detail = EXAMPLES[status]
    example = Problem(title=_title(status), status=status, code=code, detail=detail)
    return {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": example.model_dump(exclude_none=True),
    }


def install(app: FastAPI) -> None:
    """Make every error of the app a problem; `Observe` does so with those that nobody expected.

    The handlers are coroutines although they wait for nothing: Starlette gives others a thread each time, which costs a
    refusal half of its time, just when there are many.
    """
    app.add_exception_handler(errors.CutoutError, _domain_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.CutoutError)
    status = STATUS.get(type(error), 500)
    detail = error.detail if status != 500 else "the server failed; its log says why"
    headers = (
        {"Retry-After": str(math.ceil(error.seconds))}
        if isinstance(error, errors.RateLimited)
        else None
    )
    return problem_response(request, status, error.code, detail, headers=headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [InvalidField(field=name, message=why) for name, why in invalid_fields(error, request)]
    missing = all(item["type"] == "missing" for item in error.errors())
    code = "missing_field" if missing else "invalid_option"
    return problem_response(
        request, 422, code, "; ".join(f"{item.field}: {item.message}" for item in fields), fields
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _title(error.status_code).lower().replace(" ", "_")
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
    return problem_response(request, error.status_code, code, str(error.detail), headers=headers)


def _allowed(request: Request) -> str:
    """Every method of the path (RFC 9110, 10.2.1): Starlette names those of the first route that has the path."""
    methods = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
    routes = request.app.routes
    return ", ".join(
        method
        for method in methods
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes
        )
    )


def unexpected(request: Request) -> Response:
    """What a client is told of a fault of ours."""
    return problem_response(request, 500, "internal_error", "the server failed; its log says why")


def leaving(request: Request) -> Response:
    """What a client is told whose request was not done when the time to finish was over."""
    return problem_response(
        request, 503, "shutting_down", "the server is shutting down; send the request again"
    )


def _title(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "Client Closed Request" if status == 499 else "Error"
