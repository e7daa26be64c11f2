"""The routes `/v1.0/removebg` and `/v1.0/account`."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ... import jobs
from ...auth import KEY_HEADER, RequireKey
from ...intake.upload_route import UploadRoute
from ...problems import problem_response
from ...services import clock_of, services_of
from .fields import IMAGES, Refusal, background_image, load, only_source, read_fields
from .responses import HEADERS, RemoveBgErrorRoute, answer, wants_json
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
from .translate import native_options

PREFIX = "/v1.0"
CREDITS = 1_000_000  # never charged; some clients stop if a balance is low


class RemoveBgRoute(RemoveBgErrorRoute, UploadRoute):
    """A route for uploads with remove.bg's errors."""

    large_texts = IMAGES


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
    400: {"model": RemoveBgErrors, "description": "A field or the image is invalid"},
    403: {"model": RemoveBgErrors, "description": "No API key, or an unknown one"},
    429: {"model": RemoveBgErrors, "description": "Overloaded; retry"},
    503: {"model": RemoveBgErrors, "description": "Shutting down; retry"},
    504: {"model": RemoveBgErrors, "description": "The deadline has passed"},
}
BINARY = {"schema": {"type": "string", "format": "binary"}}
KINDS = ("image/png", "image/jpeg", "image/webp", "application/zip")
RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "model": RemoveBgResult,
        "description": "The finished image; in base64 if the client accepts only application/json",
        "content": dict.fromkeys(KINDS, BINARY),
        "headers": HEADERS,
    },
    **ERRORS,
}

# PREFIX stands here and not at `router`: metrics are labelled by a route's own path, which does not
# include the prefixes of routers around its own.
uploads = APIRouter(prefix=PREFIX, route_class=RemoveBgRoute)
account = APIRouter(prefix=PREFIX, route_class=RemoveBgErrorRoute)


@uploads.post(
    "/removebg",
    operation_id="removebg",
    summary="Remove the background",
    response_class=Response,
    responses=RESULT,
    openapi_extra=REQUEST,
)
async def removebg(request: Request) -> Response:
    """Remove an image's background, by remove.bg's fields."""
    services = services_of(request.app)
    clock = clock_of(request)
    try:
        fields = await read_fields(request)
        # Before `load`: for an option that is refused, nothing is fetched.
        translated = native_options(fields)
        upload = await load(only_source(fields), fields, services.fetcher, clock)
        name = background_image(fields)
        behind = await load(name, fields, services.fetcher, clock) if name else None
        result = await jobs.cut_out(services, clock, upload, translated.options, behind)
    except Refusal as refusal:
        return problem_response(request, 400, refusal.code, refusal.detail)
    if not result.subject.found:
        detail = "too little of the image stands out from its background, or not clearly enough"
        return problem_response(request, 400, "unknown_foreground", detail)
    permits = services.workers.permits
    return answer(result, translated, permits, clock, as_json=wants_json(request))


@account.head("/account", include_in_schema=False, dependencies=[RequireKey])
@account.get(
    "/account",
    operation_id="removebgAccount",
    summary="A balance, for clients that look at it",
    response_model=Account,
    responses={403: ERRORS[403]},
    dependencies=[RequireKey],
)
async def show_account() -> Response:
    """Return a balance, for clients that check it before they send an image.

    Nothing is ever charged.
    """
    balance = Credits(total=CREDITS, subscription=0, payg=0, enterprise=CREDITS)
    attributes = AccountAttributes(credits=balance, api=ApiUse(free_calls=CREDITS, sizes="all"))
    return JSONResponse(Account(data=AccountData(attributes=attributes)).model_dump())


router = APIRouter(tags=["compatible with remove.bg"])
router.include_router(uploads)
router.include_router(account)
