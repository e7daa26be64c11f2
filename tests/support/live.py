"""The whole service over real HTTP on a free loopback port, in a thread of the tests."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from app.fetch import UrlFetcher
from app.main import Build, create_app
from app.server.connection import http_protocol
from app.settings import Settings
from tests.support.stand_ins import bright_predictors


@contextmanager
def live(
    settings: Settings, fetcher: UrlFetcher | None = None, build: Build = bright_predictors
) -> Iterator[tuple[str, FastAPI]]:
    """The address to call, without a slash at its end, and the app behind it."""
    app = create_app(settings, build, fetcher)
    config = uvicorn.Config(
        app,
        http=http_protocol(settings),
        ws="none",
        log_level="error",
        timeout_keep_alive=settings.keep_alive_seconds,
    )
    server = uvicorn.Server(config)
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as listener:  # calls wait in its queue until the server is up
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", app
        finally:
            server.should_exit = True
            thread.join()
