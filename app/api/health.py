"""Probes for orchestrators: whether the process is alive and ready, and what it has counted."""

from fastapi import APIRouter, Request
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import JSONResponse, PlainTextResponse, Response

from .native.schemas import Health
from .services import services_of

PROBES = frozenset({"/livez", "/readyz", "/metrics"})
"""Paths that machines request every few seconds."""

router = APIRouter(tags=["health"])
metrics_router = APIRouter(tags=["health"])


@router.head("/livez", include_in_schema=False)
@router.get("/livez", operation_id="livez", summary="Is the process alive?", response_model=Health)
async def livez() -> Response:
    """Tell that the process is alive. Does not wait for work in progress."""
    return JSONResponse({"status": "ok"})


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    operation_id="readyz",
    summary="May it be sent requests?",
    response_model=Health,
)
async def readyz() -> Response:
    """Tell whether every model is loaded, checked against its golden sample, and warm.

    That is so before the server accepts a connection: until then, there is no answer at all.
    """
    return JSONResponse({"status": "ready"})


@metrics_router.head("/metrics", include_in_schema=False)
@metrics_router.get(
    "/metrics",
    operation_id="metrics",
    summary="Counts and times for Prometheus",
    response_class=PlainTextResponse,
)
async def metrics(request: Request) -> Response:
    """Return counts and times for Prometheus."""
    return Response(
        services_of(request.app).metrics.exposition(), media_type=CONTENT_TYPE_PLAIN_0_0_4
    )
