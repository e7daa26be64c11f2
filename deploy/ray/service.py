"""The same FastAPI app as a Ray Serve deployment: `serve run deploy/ray/serve.yaml`.

From the repository's root. No part of the service is repeated here: Ray starts the app in each
replica, counts the requests that it has in progress, and adds, replaces and removes replicas.
"""

import cv2
import ray
from fastapi import FastAPI
from ray import serve
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.main import create_app
from app.settings import Settings


def build() -> FastAPI:
    """Build the app of one replica.

    It processes as many images at once as Ray gave it whole cores, and at least one.
    """
    # An image has one thread; OpenCV's own pool would compete with the others for the cores.
    cv2.setNumThreads(1)
    settings = Settings()
    cores = ray.get_runtime_context().get_assigned_resources().get("CPU", 1.0)
    threads = settings.threads or max(1, int(cores) // settings.intra_op_threads)
    app = create_app(settings.model_copy(update={"threads": threads}))
    app.add_middleware(WholeBytes)
    return app


class WholeBytes:
    """ASGI middleware that sends bodies as bytes.

    Responses are views of their encoder's memory: uvicorn sends views as they are, Ray pickles.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and copy the body of its response."""

        async def send_bytes(message: Message) -> None:
            if "body" in message:
                message["body"] = bytes(message["body"])
            await send(message)

        await self.app(scope, receive, send_bytes)


@serve.ingress(build)
class Cutout:
    """A replica. Its models are loaded and checked before Ray sends it a request."""


app = serve.deployment(Cutout).bind()
