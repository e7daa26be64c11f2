"""The entry point of a worker process: the service by its environment, or why it cannot start."""

import logging
from typing import TYPE_CHECKING

from .server import STARTUP_FAILURE

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger("cutout")


def from_environment() -> "FastAPI":
    """Make the service.

    Exits with STARTUP_FAILURE if a library cannot be loaded, for instance because memory is short;
    then the supervisor stops too: the next worker would fail in the same way.
    """
    try:
        from . import main  # here: it loads the libraries, which may fail

        return main.from_environment()
    except (ImportError, OSError, MemoryError) as error:
        detail = " ".join(f"{type(error).__name__}: {error}".split())  # numpy's has a page
        log.critical("startup failed", extra={"code": "load_failed", "detail": detail})
        raise SystemExit(STARTUP_FAILURE) from None
