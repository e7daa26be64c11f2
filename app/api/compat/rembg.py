"""The API of rembg's server, `/api/remove`: its parameters in, a response to native options out.

Parameters may come in the form or in the query string. docs/migrating.md lists each of them.
"""

import json
import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cutout.errors import InvalidOption
from cutout.options import Color, CutoutOptions, MaskOptions

from .. import jobs
from ..intake.upload_route import UploadRoute
from ..native.routes import ANSWER_HEADERS, image_response
from ..problems import InvalidField, Problem
from ..services import clock_of, services_of
from . import prompts
from .common import WITHOUT_EFFECT_HEADER, fetch, name_without_effect

MAX_LEVEL = 255
PROMPTED = "sam"  # rembg's model that takes prompts, in `sam_prompt` of `extras`
WITHOUT_EFFECT = ("a", "af", "ab", "ae", "extras")  # edges are always refined, and not tunable


def _check_json_object(text: str | None) -> str | None:
    try:
        readable = not text or isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        readable = False
    if not readable:
        raise ValueError("extras must be a JSON object")
    return text


def _check_color(text: str | None) -> str | None:
    if text is not None:
        _hex_color(text)
    return text


def _hex_color(text: str) -> str:
    """Turn `r,g,b` or `r,g,b,a`, each 0 to 255, into `#rrggbbaa`. Raises ValueError."""
    written = re.fullmatch(r"\s*\d{1,3}\s*(,\s*\d{1,3}\s*){2,3}", text)
    numbers = list(map(int, text.split(","))) if written else []
    if not numbers or max(numbers) > MAX_LEVEL:
        raise ValueError("bgc must be r,g,b,a, each 0 to 255")
    return "#" + bytes(numbers).hex()


class RembgOptions(BaseModel):
    """The parameters of rembg's server."""

    model: Annotated[
        str, Field(description="a model of this server; any other name means its default")
    ] = "u2net"
    a: Annotated[
        bool, Field(description="alpha matting; without effect, edges are always refined")
    ] = False
    af: Annotated[int, Field(ge=0, le=255, description="foreground threshold; without effect")] = (
        240
    )
    ab: Annotated[int, Field(ge=0, le=255, description="background threshold; without effect")] = 10
    ae: Annotated[int, Field(ge=0, description="erosion; without effect")] = 10
    om: Annotated[bool, Field(description="only the mask, an 8-bit grey PNG")] = False
    ppm: Annotated[bool, Field(description="a hard mask")] = False
    bgc: Annotated[
        str | None, Field(description="background colour, r,g,b,a"), AfterValidator(_check_color)
    ] = None
    extras: Annotated[
        str | None,
        Field(
            description="a JSON object; with the model sam its sam_prompt, points and a rectangle, "
            "says what is meant; else without effect"
        ),
        AfterValidator(_check_json_object),
    ] = None


class RembgForm(RembgOptions):
    """The parameters of rembg's server, with an uploaded image."""

    file: Annotated[UploadFile, Field(description="the image")]


class RembgUrl(RembgOptions):
    """The parameters of rembg's server, with the URL of an image."""

    url: Annotated[str, Field(description="URL of the image, http or https")]


class RembgInvalidItem(BaseModel):
    """An invalid parameter, as FastAPI describes it."""

    type: str = Field(examples=["missing"])
    loc: list[str] = Field(examples=[["body", "file"]])
    msg: str = Field(examples=["Field required"])


class RembgInvalid(BaseModel):
    """The body of a 422: every invalid parameter."""

    detail: list[RembgInvalidItem]


class RembgError(BaseModel):
    """The body of any other error: its text."""

    detail: str


class RembgRoute(UploadRoute):
    """A route with FastAPI's own errors, as rembg has: 422 carries a list, others text."""

    def render_problem(self, problem: Problem, request: Request) -> Response:
        """Write a problem in FastAPI's form."""
        if problem.status != 422:
            return JSONResponse({"detail": problem.detail}, problem.status)
        upload = "url" if request.method == "GET" else "file"
        fields = problem.errors or [InvalidField(field=upload, message=problem.detail)]
        kind = {"missing_field": "missing", "invalid_option": "value_error"}.get(
            problem.code, problem.code
        )
        where = "query" if request.method == "GET" else "body"
        items = [
            RembgInvalidItem(type=kind, loc=[where, item.field], msg=item.message)
            for item in fields
        ]
        return JSONResponse(RembgInvalid(detail=items).model_dump(), 422)


router = APIRouter(route_class=RembgRoute, tags=["compatible with rembg"], prefix="/api")
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The cut-out, or with `om` the mask",
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {**ANSWER_HEADERS, **WITHOUT_EFFECT_HEADER},
    },
    422: {"model": RembgInvalid, "description": "A parameter or the image is invalid"},
    **{
        status: {"model": RembgError, "description": description}
        for status, description in {
            400: "Malformed form, or the URL cannot be fetched",
            401: "No API key, or an unknown one",
            408: "The upload took too long",
            413: "Too many bytes or pixels",
            415: "Unsupported image format",
            429: "Overloaded; retry",
            503: "Shutting down; retry",
            504: "The deadline has passed",
        }.items()
    },
}


@router.post(
    "/remove",
    operation_id="rembgRemove",
    summary="Remove the background of an upload",
    response_class=Response,
    responses=RESPONSES,
)
async def remove_upload(
    request: Request,
    form: Annotated[RembgForm, Form(media_type="multipart/form-data")],
    query: Annotated[RembgOptions, Query()],
) -> Response:
    """Remove the background of an uploaded image, by rembg's parameters."""
    given = {
        # Only what was sent: a default of the form would override the query string.
        **query.model_dump(exclude_unset=True),
        **form.model_dump(exclude_unset=True, exclude={"file"}),
    }
    return await _remove(request, await form.file.read(), given)


@router.get(
    "/remove",
    operation_id="rembgRemoveUrl",
    summary="Remove the background of an image on the web",
    response_class=Response,
    responses=RESPONSES,
)
async def remove_url(request: Request, query: Annotated[RembgUrl, Query()]) -> Response:
    """Remove the background of an image on the web, by rembg's parameters.

    Disabled unless the operator allows URLs.
    """
    given = query.model_dump(exclude_unset=True, exclude={"url"})
    upload = await fetch(query.url, services_of(request.app).fetcher, clock_of(request))
    return await _remove(request, upload, given)


def _meant(asked: RembgOptions) -> dict[str, Any]:
    """Return the options that the prompts of `sam` stand for; none for every other model."""
    if asked.model != PROMPTED:
        return {}
    try:
        return prompts.choice(json.loads(asked.extras or "{}"))
    except InvalidOption as error:
        context = {"error": error.detail}
        item = {"type": "value_error", "loc": ("body", "extras"), "input": "", "ctx": context}
        raise RequestValidationError([item]) from None


async def _remove(request: Request, upload: bytes, given: dict[str, Any]) -> Response:
    services = services_of(request.app)
    clock = clock_of(request)
    asked = RembgOptions.model_validate(given)
    known = asked.model in services.models.names
    # A model that the operator has named sam takes no prompts.
    meant = {} if known else _meant(asked)
    common = {
        "model": asked.model if known else None,
        "threshold": 0.5 if asked.ppm else None,
        **meant,
    }
    if asked.om:
        mask = MaskOptions.model_validate(common)
        result = await jobs.mask(services, clock, upload, mask)
    else:
        background = None if asked.bgc is None else Color.parse(_hex_color(asked.bgc))
        options = CutoutOptions.model_validate({**common, "background": background})
        result = await jobs.cut_out(services, clock, upload, options)
    ignored = [name for name in WITHOUT_EFFECT if name in given]
    if meant:
        ignored.remove("extras")
    if "model" in given and not known:
        ignored.insert(0, "model")
    return name_without_effect(image_response(result, clock), ignored)
