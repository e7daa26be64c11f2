"""`POST /cutout`, `/mask`, `/predict`: validated upload in, the remover's work in a thread, answer out."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from cutout.options import CutoutOptions, MaskOptions
from cutout.remover import Score, Written
from cutout.system.clock import Clock

from ..intake.uploads import StrictRoute
from ..problems import documented
from ..services import clock_of, services_of
from .schemas import CutoutForm, MaskForm, ModelId, PredictForm, Prediction, Size, Subject

router = APIRouter(route_class=StrictRoute, tags=["pictures"])
PROBLEMS = documented(400, 401, 408, 413, 415, 422, 429, 503, 504)
MULTIPART = Form(media_type="multipart/form-data")
ANSWER_HEADERS = {
    "X-Subject-Found": {"description": "true where the mask finds a subject", "schema": {"type": "boolean"}},
    "X-Coverage": {"description": "share of the picture that is foreground, 0 to 1", "schema": {"type": "number"}},
    "X-Bounding-Box": {
        "description": "left,top,width,height of the subject, without faint veils and specks, pixels of the upright "
        "upload; absent where none",
        "schema": {"type": "string"},
    },
    "X-Crop-Box": {
        "description": "left,top,width,height of the crop, pixels of the upright upload, which it may reach beyond; "
        "absent where nothing was cropped",
        "schema": {"type": "string"},
    },
    "X-Model": {"description": "name/version of the model", "schema": {"type": "string"}},
    "Server-Timing": {"description": "milliseconds by stage", "schema": {"type": "string"}},
}


def _pictures(*media_types: str) -> dict[int | str, dict[str, Any]]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    content = dict.fromkeys(media_types, binary)
    return {200: {"description": "The finished picture", "content": content, "headers": ANSWER_HEADERS}, **PROBLEMS}


@router.post(
    "/cutout",
    operation_id="cutout",
    summary="Remove the background",
    response_class=Response,
    responses=_pictures("image/png", "image/webp", "image/jpeg", "application/zip"),
)
async def cutout(request: Request, form: Annotated[CutoutForm, MULTIPART]) -> Response:
    """The picture without its background: straight alpha as PNG or WebP, or on a colour or picture."""
    upload, options = await form.file.read(), CutoutOptions(**form.model_dump(include=set(CutoutOptions.model_fields)))
    behind = await form.background_image.read() if form.background_image is not None else None
    services, clock = services_of(request.app), clock_of(request)
    written = await services.workers.run(
        lambda clock: services.remover.cut_out(upload, options, clock, behind), clock, upload, behind or b""
    )
    return picture_response(written, clock)


@router.post(
    "/mask", operation_id="mask", summary="The mask alone", response_class=Response, responses=_pictures("image/png")
)
async def mask(request: Request, form: Annotated[MaskForm, MULTIPART]) -> Response:
    """The alpha as an 8-bit grey PNG as large as the upright upload: 255 foreground, 0 background."""
    upload, options = await form.file.read(), MaskOptions(**form.model_dump(include=set(MaskOptions.model_fields)))
    services, clock = services_of(request.app), clock_of(request)
    written = await services.workers.run(lambda clock: services.remover.mask(upload, options, clock), clock, upload)
    return picture_response(written, clock)


@router.post(
    "/predict", operation_id="predict", summary="Is there a subject?", response_model=Prediction, responses=PROBLEMS
)
async def predict(request: Request, form: Annotated[PredictForm, MULTIPART]) -> Response:
    """Tell whether a picture shows foreground: the classifier's probability, and its label at the threshold."""
    upload = await form.file.read()
    services, clock = services_of(request.app), clock_of(request)
    score = await services.workers.run(
        lambda clock: services.remover.score(upload, clock, form.model, form.subject), clock, upload
    )
    return Response(
        prediction(score, clock).model_dump_json(exclude_none=not form.subject),
        media_type="application/json",
        headers={"Server-Timing": clock.server_timing()},
    )


def prediction(score: Score, clock: Clock) -> Prediction:
    """The answer, and the time that each stage took so far."""
    threshold = score.manifest.threshold
    return Prediction(
        label="foreground" if score.probability >= threshold else "background",
        probability=round(score.probability, 6),
        threshold=threshold,
        image=Size(width=score.width, height=score.height),
        model=ModelId.of(score.manifest),
        subject=Subject.of(score.subject) if score.subject else None,
        timings_ms={name: round(1000 * seconds, 3) for name, seconds in clock.seconds.items()},
    )


def picture_response(written: Written, clock: Clock) -> Response:
    """The finished file, and in its headers what the mask says of the picture."""
    subject, box = written.subject, written.subject.box
    headers = {
        "X-Subject-Found": "true" if subject.found else "false",
        "X-Coverage": f"{subject.coverage:.6f}",
        "X-Model": f"{written.manifest.name}/{written.manifest.version}",
        "Server-Timing": clock.server_timing(),
    }
    for name, place in (("X-Bounding-Box", box), ("X-Crop-Box", written.crop)):
        if place is not None:
            headers[name] = f"{place.left},{place.top},{place.width},{place.height}"
    return Response(written.data, media_type=written.media_type, headers=headers)
