"""What a strict route refuses to be, so that nothing is silently not run."""

import asyncio
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, Request, Security
from fastapi.routing import iter_route_contexts
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Message

from app.api.intake.body import UploadRequest
from app.api.intake.upload_route import StrictFastAPI, StrictRoute, UploadRoute
from app.settings import Settings
from cutout.errors import TooSlow
from cutout.system.clock import Clock


class SomeForm(BaseModel):
    size: int = 0


async def check_something() -> None:
    """A dependency that would have to run."""


async def endpoint(request: Request, form: Annotated[SomeForm, Form()]) -> Response:
    return Response()


def router(route_class: type[UploadRoute] = StrictRoute, **options: Any) -> APIRouter:
    made = APIRouter(route_class=route_class)
    made.add_api_route("/strict", endpoint, methods=["POST"], **options)
    return made


def test_a_route_with_a_dependency_is_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError, match=r"/strict: .*check_something"):
        router(dependencies=[Depends(check_something)])


@pytest.mark.parametrize(
    ("dependency", "named"),
    [(Depends(check_something), "check_something"), (Security(HTTPBearer()), "HTTPBearer")],
)
@pytest.mark.parametrize("nested", [False, True])
def test_a_router_included_with_a_dependency_is_refused(
    dependency: Any, named: str, nested: bool
) -> None:
    app = StrictFastAPI()
    inner = router()
    if nested:
        outer = APIRouter()
        outer.include_router(inner, prefix="/v1", dependencies=[dependency])
        with pytest.raises(TypeError, match=f"/v1/strict: .*{named}"):
            app.include_router(outer)
    else:
        with pytest.raises(TypeError, match=f"/strict: .*{named}"):
            app.include_router(inner, dependencies=[dependency])


def test_an_app_with_a_dependency_of_its_own_is_refused_too() -> None:
    app = StrictFastAPI(dependencies=[Depends(check_something)])
    with pytest.raises(TypeError, match="check_something"):
        app.include_router(router())


def test_routes_whose_dependencies_run_may_have_them() -> None:
    app = StrictFastAPI()
    app.include_router(router(UploadRoute), dependencies=[Depends(check_something)])
    app.include_router(router())
    assert [route.path for route in _api_routes(app)] == ["/strict", "/strict"]


def test_an_endpoint_with_other_parameters_is_refused() -> None:
    async def another(request: Request, form: Annotated[SomeForm, Form()], page: int) -> None:
        """Would be called without `page`."""

    async def formless(request: Request) -> None:
        """Has no form to validate."""

    made = APIRouter(route_class=StrictRoute)
    for function in (another, formless):
        with pytest.raises(TypeError, match=r"must take \(request, form\)"):
            made.add_api_route("/strict", function, methods=["POST"])


def _api_routes(app: FastAPI) -> list[Any]:
    contexts = iter_route_contexts(app.routes)
    return [route for route in contexts if isinstance(route.original_route, UploadRoute)]


def test_the_deadline_ends_an_upload_that_stalls() -> None:
    async def stalled() -> Message:
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    headers = [(b"content-type", b"multipart/form-data; boundary=x"), (b"content-length", b"9")]
    upload = UploadRequest({"type": "http", "headers": headers}, stalled)
    with pytest.raises(TooSlow, match="CUTOUT_DEADLINE_SECONDS"):
        asyncio.run(upload.read(Settings(), frozenset(), Clock(0.01)))
