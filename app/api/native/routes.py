"""The routes `POST /cutout`, `/mask` and `/predict`: a validated form in, the response out."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, UploadFile
from starlette.responses import Response

from cutout.results import Prediction, Result
from cutout.sources import File
from cutout.system.clock import Clock

from .. import jobs
from ..intake.upload_route import StrictRoute
from ..problems import documented
from ..services import clock_of, services_of
from .schemas import CutoutForm, MaskForm, PredictForm

router = APIRouter(route_class=StrictRoute, tags=["images"])
PROBLEMS = documented(400, 401, 408, 413, 415, 422, 429, 503, 504)
MULTIPART = Form(media_type="multipart/form-data")
ANSWER_HEADERS = {
    "X-Subject-Found": {
        "description": "true if the mask finds a subject",
        "schema": {"type": "boolean"},
    },
    "X-Coverage": {
        "description": "share of the image that is foreground, 0 to 1",
        "schema": {"type": "number"},
    },
    "X-Bounding-Box": {
        "description": "left,top,width,height of the subject, without faint alpha and specks, in "
        "pixels of the upright upload; absent if there is none",
        "schema": {"type": "string"},
    },
    "X-Crop-Box": {
        "description": "left,top,width,height of the crop, in pixels of the upright upload, which "
        "it may extend beyond; absent if nothing was cropped",
        "schema": {"type": "string"},
    },
    "X-Rows-Decoded": {
        "description": "of a truncated upload, how many of its rows were there; the others are "
        "transparent. Absent if it was whole",
        "schema": {"type": "integer"},
    },
    "X-Frames-Dropped": {
        "description": "of an animation, how many frames the answer lacks: it shows the first. "
        "Absent if there is one",
        "schema": {"type": "integer"},
    },
    "X-Model": {"description": "name/version of the model", "schema": {"type": "string"}},
    "Server-Timing": {"description": "milliseconds by stage", "schema": {"type": "string"}},
}


def _images(*media_types: str) -> dict[int | str, dict[str, Any]]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = dict.fromkeys(media_types, binary)
    return {
        200: {"description": "The finished image", "content": content, "headers": ANSWER_HEADERS},
        **PROBLEMS,
    }


@router.post(
    "/cutout",
    operation_id="cutout",
    summary="Remove the background",
    response_class=Response,
    responses=_images("image/png", "image/webp", "image/jpeg", "image/gif", "application/zip"),
)
async def cutout(request: Request, form: Annotated[CutoutForm, MULTIPART]) -> Response:
    """Return the image without its background.

    That is straight alpha as PNG or WebP, or the subject on a colour or another image.
    """
    image = await form.file.read()
    behind = await _read(form.background_image)
    given = await _read(form.mask)
    clock = clock_of(request)
    result = await jobs.cut_out(services_of(request.app), clock, image, form, behind, given)
    return image_response(result, clock)


@router.post(
    "/mask",
    operation_id="mask",
    summary="The mask alone",
    response_class=Response,
    responses=_images("image/png"),
)
async def mask(request: Request, form: Annotated[MaskForm, MULTIPART]) -> Response:
    """Return the alpha as an 8-bit grey PNG: 255 foreground, 0 background.

    It is as large as the upright upload.
    """
    image = await form.file.read()
    given = await _read(form.mask)
    clock = clock_of(request)
    result = await jobs.mask(services_of(request.app), clock, image, form, given)
    return image_response(result, clock)


@router.post(
    "/predict",
    operation_id="predict",
    summary="Is there a subject?",
    response_model=Prediction,
    responses=PROBLEMS,
)
async def predict(request: Request, form: Annotated[PredictForm, MULTIPART]) -> Response:
    """Tell whether an image shows foreground: the classifier's probability, and its label."""
    image = await form.file.read()
    clock = clock_of(request)
    score = await jobs.score(services_of(request.app), clock, image, form)
    return Response(
        Prediction.of(score, clock).model_dump_json(exclude_none=not form.subject),
        media_type="application/json",
        headers={
            "Server-Timing": clock.server_timing(),
            **what_is_missing(score.rows, score.frames_dropped),
        },
    )


def image_response(result: Result[File], clock: Clock) -> Response:
    """Respond with the finished file; its headers say what the mask says of the image."""
    subject = result.subject
    headers = {
        "X-Subject-Found": "true" if subject.found else "false",
        "X-Coverage": f"{subject.coverage:.6f}",
        "X-Model": f"{result.manifest.name}/{result.manifest.version}",
        "Server-Timing": clock.server_timing(),
    }
    for name, box in (("X-Bounding-Box", subject.box), ("X-Crop-Box", result.crop)):
        if box is not None:
            headers[name] = f"{box.left},{box.top},{box.width},{box.height}"
    headers |= what_is_missing(result.rows, result.frames_dropped)
    return Response(result.content.data, media_type=result.content.media_type, headers=headers)


def what_is_missing(rows: int | None, frames_dropped: int) -> dict[str, str]:
    """Make the headers for rows and frames of an upload that the result does not show."""
    headers = {} if rows is None else {"X-Rows-Decoded": str(rows)}
    return headers | ({"X-Frames-Dropped": str(frames_dropped)} if frames_dropped else {})


async def _read(file: UploadFile | None) -> bytes | None:
    return None if file is None else await file.read()
