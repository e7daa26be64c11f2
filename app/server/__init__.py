"""Processes, sockets and connections; the only importer of uvicorn, by an import contract."""

from uvicorn.config import STARTUP_FAILURE

__all__ = ["STARTUP_FAILURE"]
