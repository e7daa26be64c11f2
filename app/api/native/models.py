"""The routes `GET /models` and `GET /models/{name}`: the manifests of loaded models."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from cutout.errors import UnknownModel
from cutout.inference.manifest import Manifest
from cutout.results import ModelList

from ..problems import documented, problem_response
from ..services import services_of

router = APIRouter(tags=["models"])


@router.head("/models", include_in_schema=False)
@router.get(
    "/models", operation_id="listModels", summary="What is loaded", response_model=ModelList
)
async def list_models(request: Request) -> JSONResponse:
    """List every loaded model with its manifest.

    That is: preprocessing, training data and their terms, measured quality.
    """
    models = services_of(request.app).models
    manifests = [predictor.manifest.model_dump(mode="json") for predictor in models.all()]
    return JSONResponse(
        {
            "models": manifests,
            "default_for_masks": models.for_masks().manifest.name,
            "default_for_predict": models.for_scores().manifest.name,
        }
    )


@router.head("/models/{name}", include_in_schema=False)
@router.get(
    "/models/{name}",
    operation_id="getModel",
    summary="One model's manifest",
    response_model=Manifest,
    responses=documented(404),
)
async def get_model(request: Request, name: str) -> Response:
    """Return one model's manifest."""
    try:
        predictor = services_of(request.app).models.get(name)
    except UnknownModel as error:
        # As an option, an unknown model is a 422 (STATUS); here it is part of the path.
        return problem_response(request, 404, error.code, error.detail)
    return JSONResponse(predictor.manifest.model_dump(mode="json"))
