"""`/docs`: Swagger UI served from here, so that it works with no internet and under a strict policy."""

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse

WEB = Path(__file__).parent.parent / "web"

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs() -> FileResponse:
    return FileResponse(WEB / "docs.html", media_type="text/html")
