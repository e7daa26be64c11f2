"""The composition root: everything is wired here, from settings and predictors to an ASGI app."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from cutout import __version__
from cutout.errors import CutoutError
from cutout.inference.load import load_bundles
from cutout.inference.predictor import Predictor
from cutout.inference.registry import Registry
from cutout.system.idle import idle_cores
from cutout.system.logs import omit_unused_fields, silence_decoders
from cutout.system.process import prepare_for_images

from .admission.pace import Pace
from .admission.rates import RateLimit
from .admission.room import Room
from .admission.workers import Workers
from .api import health, openapi, pages, problems, protect
from .api.compat import rembg
from .api.compat.removebg import routes as removebg
from .api.intake.upload_route import StrictFastAPI
from .api.native import models as model_routes
from .api.native import routes
from .api.observe import Observe
from .api.services import Services
from .api.traces import provider_from_environment, telemetry
from .fetch import UrlFetcher
from .metrics import Metrics, allocate
from .server import STARTUP_FAILURE
from .settings import Settings
from .sizing import Sizing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Build = Callable[[Settings], Sequence[Predictor]]

REFUSALS_PER_THREAD = 32  # per second: they take a twentieth of a thread's time

log = logging.getLogger("cutout")


def build(settings: Settings) -> Sequence[Predictor]:
    """Load the bundles of the settings.

    Raises BundleError where one is missing or corrupt, and ProviderMissing where a provider is not
    available.
    """
    return load_bundles(settings.models, settings.intra_op_threads, settings.providers)


def create_app(
    settings: Settings,
    build: Build = build,
    fetcher: UrlFetcher | None = None,
    traces: "TracerProvider | None" = None,
) -> FastAPI:
    """Wire the service: settings, and a way to build predictors, in; an ASGI app out.

    `build` makes the predictors to serve, and is called at once. `fetcher` fetches images by URL;
    if absent, it is made by the settings, if these allow URLs. `traces` receives spans of requests,
    and is shut down with the service. Raises what `build` raises, and BundleError if its predictors
    cannot be served together.
    """
    # Before there is an app: no connection is accepted until every model is loaded and checked.
    models = Registry(build(settings), settings.default_model)
    metrics = Metrics()
    sizing = Sizing.of(settings)
    workers = Workers(sizing.threads, sizing.queue, Room(sizing.pixels))
    metrics.permits.set(workers.permits.total)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        log.info("ready", extra={"worker_pid": os.getpid(), "models": models.names})
        yield
        await workers.close()
        if traces is not None:
            await asyncio.to_thread(traces.shutdown)

    app = StrictFastAPI(
        title="cutout",
        summary="Background removal that you train, own and serve yourself.",
        version=__version__,
        lifespan=lifespan,
        telemetry=telemetry(traces),
        docs_url=None,  # FastAPI's loads scripts from a CDN; `pages` has our own
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
    )
    app.state.services = Services(
        settings=settings,
        models=models,
        workers=workers,
        fetcher=fetcher or _fetcher(settings),
        metrics=metrics,
        rates=None
        if settings.requests_per_minute is None
        else RateLimit(settings.requests_per_minute),
        # a fifth of the connections is kept for probes
        refusals=Pace(REFUSALS_PER_THREAD * workers.threads.count, settings.connections * 4 // 5),
    )
    # Of middleware, what is added last runs first: Observe also records what check_hosts refuses.
    protect.check_hosts(app, settings)
    app.add_middleware(Observe, metrics=metrics, traces=traces)
    protect.protect_answers(app, settings)
    problems.install(app)
    # In the order in which a request's path is compared with them: those for images first.
    for router in (
        routes.router,
        rembg.router,
        removebg.router,
        pages.router,
        model_routes.router,
        health.router,
    ):
        app.include_router(router)
    if settings.metrics:
        app.include_router(health.metrics_router)
    if settings.docs:
        app.include_router(pages.docs_router)
    openapi.install(app)
    app.mount("/assets", pages.assets(), name="assets")
    return app


def from_environment() -> FastAPI:
    """Make the service by its environment; each worker process runs this.

    Exits with STARTUP_FAILURE if the bundles cannot be served; then the supervisor stops too.
    """
    silence_decoders()
    omit_unused_fields()
    # In this order: both prepare what create_app starts and makes, threads and Metrics.
    prepare_for_images()
    allocate()
    settings = Settings()
    # By default, all usable cores: each worker would lend those of the others.
    idle_cores.cores = Sizing.of(settings).cores
    try:
        return create_app(settings, traces=provider_from_environment(os.environ))
    except CutoutError as error:
        log.critical("startup failed", extra={"code": error.code, "detail": error.detail})
        raise SystemExit(STARTUP_FAILURE) from None


def _fetcher(settings: Settings) -> UrlFetcher | None:
    if not settings.allow_urls:
        return None
    return UrlFetcher(settings.max_upload_bytes, settings.url_seconds, settings.url_redirects)
