"""The objects that routes use; `create_app` makes them once.

They are not FastAPI dependencies: solving three takes a tenth of the time of a small `POST
/predict`.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import Request

from cutout.inference.registry import Registry
from cutout.system.clock import Clock

from ..admission.pace import Pace
from ..admission.rates import RateLimit
from ..admission.workers import Workers
from ..fetch import UrlFetcher
from ..metrics import Metrics
from ..settings import Settings


@dataclass(frozen=True)
class Services:
    """The objects that routes use.

    `fetcher` is None if the operator does not allow URLs, `rates` if there is no rate limit.
    """

    settings: Settings
    models: Registry
    workers: Workers
    fetcher: UrlFetcher | None
    metrics: Metrics
    rates: RateLimit | None
    refusals: Pace


def services_of(app: Any) -> Services:
    """Return the services of an app made by `create_app`."""
    services: Services = app.state.services
    return services


def clock_of(request: Request) -> Clock:
    """Return the clock of a request to an `UploadRoute`."""
    clock: Clock = request.state.clock
    return clock
