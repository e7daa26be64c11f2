"""`python -m app`: a supervisor, and the worker processes that serve.

The supervisor holds the listening socket and decodes nothing. A worker that dies, be it in a decoder, is replaced
within a second or two; what connects meanwhile waits in the socket's backlog.
"""

import argparse
import errno
import logging
import os
import socket
import sys

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from cutout.settings import read_settings
from cutout.system.logs import log_config

from . import metrics
from .server.connection import http_protocol
from .settings import Settings

log = logging.getLogger("cutout")

BACKLOG = 2048


class Supervisor(Multiprocess):
    """uvicorn's, which also stops listening at once when told to stop: nobody shall wait for a server that leaves."""

    def terminate_all(self) -> None:
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        """Replace workers whose process has ended, no others.

        uvicorn also kills one that is silent for five seconds. Where cores are short, that is every worker that still
        imports, for ever; and it heeds no signal while it waits.
        """
        for place, worker in enumerate(self.processes):
            if worker.process.is_alive():
                continue
            worker.kill()  # closes its pipes
            metrics.forget(worker.pid)
            if worker.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
            if self.should_exit.is_set():
                return
            log.warning("worker %s ended with %s and is replaced", worker.pid, worker.exitcode)
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()


def main() -> None:
    settings = read_settings(Settings)
    listening = listen(settings.host, settings.port)
    config = uvicorn.Config(
        f"{__package__}.main:from_environment",
        factory=True,
        http=http_protocol(settings),
        ws="none",
        workers=settings.workers,
        log_config=log_config(settings.log_level, settings.log_format),
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=round(settings.drain_seconds),
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    for doubt in settings.doubts(os.environ):
        log.warning(doubt)
    log.info("listening on http://%s:%d (Ctrl-C stops)", host, listening.getsockname()[1])
    _refuse_unusable(os.environ.get(metrics.MULTIPROCESS))
    with metrics.shared(several=settings.metrics and settings.workers > 1):
        supervisor = Supervisor(config, sockets=[listening])
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(STARTUP_FAILURE)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; who connects before a worker serves waits. Ends the process with 3 and a line."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        print(f"cutout: {_why_not_there(error, host, port)}", file=sys.stderr)
        raise SystemExit(STARTUP_FAILURE) from None
    listening.set_inheritable(True)
    return listening


def _why_not_there(error: OSError, host: str, port: int) -> str:
    another_port = "choose another with --port or CUTOUT_PORT"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use on {host}; {another_port}"
    if error.errno == errno.EACCES:
        return f"port {port} needs rights that this process has not; {another_port}"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{host} is no address of this machine; choose another with --host or CUTOUT_HOST"
    return f"can't listen on port {port} of {host}: {error.strerror}"


def _refuse_unusable(folder: str | None) -> None:
    """Here, where it is one line: each worker would die of it, and be replaced."""
    if folder is None or os.access(folder, os.W_OK | os.X_OK):
        return
    print(f"cutout: {metrics.MULTIPROCESS}: {folder} is no folder that can be written to", file=sys.stderr)
    raise SystemExit(STARTUP_FAILURE)


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m app",
        description="The server. Its settings are the CUTOUT_ variables of the README; cutout serve has options.",
    ).parse_args()
    main()
