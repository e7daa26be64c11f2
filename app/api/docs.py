"""`/docs`: Swagger UI served from here, so that it works with no internet and under a strict policy."""

from fastapi import APIRouter
from starlette.responses import FileResponse

from .page import DOCS_POLICY, html

router = APIRouter(include_in_schema=False)


@router.api_route("/docs", methods=["GET", "HEAD"])
async def docs() -> FileResponse:
    return html("docs.html", DOCS_POLICY)
