"""The composition root: settings and a way to build predictors in, an ASGI app out. Everything is wired here."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from app.api import docs, health, models, problems, routes
from app.api.observe import Observe
from app.cores import usable_cores
from app.inference.predictor import Predictor
from app.inference.registry import Registry
from app.metrics import Metrics
from app.remover import Remover
from app.settings import Settings
from app.workers import Workers

Build = Callable[[Settings], list[Predictor]]


def create_app(settings: Settings, build: Build | None = None) -> FastAPI:
    """The service. `build` makes the predictors to serve; when absent, the bundles of `settings.models` are loaded."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await asyncio.to_thread(_load, app.state.registry, settings, build)
        yield
        await app.state.workers.close()

    app = FastAPI(
        title="cutout",
        summary="Background removal that you train, own and serve yourself.",
        version=_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
    )
    app.state.settings = settings
    app.state.registry = Registry(settings.default_model)
    app.state.remover = Remover(app.state.registry, settings.max_pixels)
    app.state.workers = Workers(threads(settings), settings.queue)
    app.state.metrics = Metrics()
    app.state.metrics.places.set(app.state.workers.permits)
    app.add_middleware(Observe, metrics=app.state.metrics)
    problems.install(app)
    for router in (routes.router, models.router, health.router):
        app.include_router(router)
    if settings.metrics:
        app.include_router(health.metrics_router)
    if settings.docs:
        app.include_router(docs.router)
    app.mount("/assets", StaticFiles(directory=docs.WEB), name="assets")
    return app


def from_environment() -> FastAPI:
    """The service by its environment: what each worker process runs."""
    cv2.setNumThreads(1)  # a picture has one thread; OpenCV's own pool would fight the others for the cores
    return create_app(Settings())


def threads(settings: Settings) -> int:
    """Pictures worked on at once in this process: cores = workers x threads x intra-op threads."""
    return settings.threads or max(1, usable_cores() // (settings.workers * settings.intra_op_threads))


def _load(registry: Registry, settings: Settings, build: Build | None) -> None:
    if build is not None:
        registry.use(build(settings))
        return
    from app.inference.onnx_predictor import load_predictor

    def load(bundle: Path) -> Predictor:
        return load_predictor(bundle, settings.intra_op_threads)

    registry.load(settings.models, load)


def _version() -> str:
    try:
        return version("cutout")
    except PackageNotFoundError:
        return "0.0.0"
