"""What routes work with. `create_app` makes it once; asking for it costs a request nothing.

No FastAPI dependencies: solving three of them takes a tenth of the time of a small `POST /predict`.
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
    """`fetcher` is None where the operator does not allow URLs, `rates` where there is no limit."""

    settings: Settings
    models: Registry
    workers: Workers
    fetcher: UrlFetcher | None
    metrics: Metrics
    rates: RateLimit | None
    refusals: Pace


def services_of(app: Any) -> Services:
    services: Services = app.state.services
    return services


def clock_of(request: Request) -> Clock:
    """The clock of a request to an `UploadRoute`."""
    clock: Clock = request.state.clock
    return clock
