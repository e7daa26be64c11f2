"""Is the process alive, and may it be sent requests?"""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from app.api.deps import RegistryDep
from app.api.problems import documented
from app.api.schemas import Health
from app.errors import NotReady

router = APIRouter(tags=["health"])


@router.get("/livez", operation_id="livez", response_model=Health)
async def livez() -> Response:
    """The process is alive. Never waits for work in progress."""
    return JSONResponse({"status": "ok"})


@router.get("/readyz", operation_id="readyz", response_model=Health, responses=documented(503))
async def readyz(registry: RegistryDep) -> Response:
    """Every model is loaded, checked against its golden sample, and warm."""
    if not registry.ready:
        raise NotReady("the models are still being loaded")
    return JSONResponse({"status": "ready"})
