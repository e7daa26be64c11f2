"""An app whose limits the tests know, its calls from within an event loop, and a full house."""

import contextlib
from collections.abc import AsyncIterator, Iterator

import httpx2
from starlette.testclient import TestClient

from app.fetch import UrlFetcher
from app.main import create_app
from app.settings import Settings
from tests.support.stand_ins import bright_predictors

SETTINGS = Settings(
    threads=1, queue=3, max_upload_bytes=3_000_000, max_pixels=12_000_000, deadline_seconds=120
)


@contextlib.asynccontextmanager
async def fetching(fetcher: UrlFetcher | None) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an app that gets images by URL through `fetcher`, in the same event loop as the
    tests' servers."""
    app = create_app(SETTINGS, bright_predictors, fetcher)
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://t") as client,
    ):
        yield client


@contextlib.contextmanager
def every_place_taken(client: TestClient) -> Iterator[None]:
    workers = client.app.state.services.workers  # type: ignore[attr-defined]
    with contextlib.ExitStack() as places:
        for _ in range(workers.permits.total):
            places.enter_context(workers.permits.hold())
        yield
