"""Processes, sockets and connections. The only importer of uvicorn (an import contract says so)."""

from uvicorn.config import STARTUP_FAILURE

__all__ = ["STARTUP_FAILURE"]
