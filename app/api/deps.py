"""What routes need, from where `create_app` put it."""

from typing import Annotated, Any

from fastapi import Depends, Request

from app.api.fetch import UrlFetcher
from app.api.rates import RateLimit
from app.clock import Clock
from app.inference.registry import Registry
from app.remover import Remover
from app.settings import Settings
from app.workers import Workers


def settings_of(app: Any) -> Settings:
    settings: Settings = app.state.settings
    return settings


def rates_of(app: Any) -> RateLimit | None:
    rates: RateLimit | None = app.state.rates
    return rates


def workers_of(app: Any) -> Workers:
    workers: Workers = app.state.workers
    return workers


async def _remover(request: Request) -> Remover:
    remover: Remover = request.app.state.remover
    return remover


async def _registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


async def _workers(request: Request) -> Workers:
    return workers_of(request.app)


async def _clock(request: Request) -> Clock:
    clock: Clock = request.state.clock
    return clock


async def _fetcher(request: Request) -> UrlFetcher | None:
    fetcher: UrlFetcher | None = request.app.state.fetcher
    return fetcher


RemoverDep = Annotated[Remover, Depends(_remover)]
RegistryDep = Annotated[Registry, Depends(_registry)]
WorkersDep = Annotated[Workers, Depends(_workers)]
ClockDep = Annotated[Clock, Depends(_clock)]
FetcherDep = Annotated[UrlFetcher | None, Depends(_fetcher)]
"""None where the operator does not allow URLs."""
