"""The supervisor process: open the socket, start the workers, restart those that exit.

It decodes nothing itself. A worker that crashes, for instance in a decoder, is replaced within a
second or two; connections made meanwhile wait in the socket's backlog (docs/decisions/0002).
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from cutout.system.logs import log_config

from .. import metrics
from ..settings import Settings
from ..sizing import Sizing
from . import STARTUP_FAILURE
from .connection import http_protocol
from .sockets import listen

APP = f"{__package__.rpartition('.')[0]}.worker:from_environment"  # app, or cutout.server

log = logging.getLogger("cutout")


def serve(settings: Settings) -> None:
    """Serve until a signal stops it.

    Raises SystemExit(STARTUP_FAILURE), after one line that says why, if it cannot start.
    """
    listening = listen(settings.host, settings.port)
    workers = Sizing.of(settings).workers
    config = worker_config(settings, workers)  # configures logging too
    for variable, meant in settings.unknown(os.environ):
        fields = {"variable": variable} | ({} if meant is None else {"did_you_mean": meant})
        log.warning("unknown setting ignored", extra=fields)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    log.info("listening", extra={"url": f"http://{host}:{listening.getsockname()[1]}"})
    _check_metrics_directory(os.environ.get(metrics.MULTIPROCESS))
    with _shared_metrics(several=settings.metrics and workers > 1):
        supervisor = Supervisor(config, sockets=[listening])
        supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise SystemExit(STARTUP_FAILURE)


def worker_config(settings: Settings, workers: int = 1) -> uvicorn.Config:
    """Configure a worker's uvicorn server, and the logging of this process."""
    return uvicorn.Config(
        APP,
        factory=True,
        http=http_protocol(settings),
        ws="none",
        workers=workers,
        log_config=log_config(settings.log_level, settings.log_format),
        access_log=False,
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=round(settings.drain_seconds),
    )


class Supervisor(Multiprocess):
    """uvicorn's supervisor, with two changes: how it stops, and which workers it replaces."""

    def terminate_all(self) -> None:
        """Close the listening sockets, then tell the workers to stop.

        Otherwise clients could still connect and wait for a server that is shutting down.
        """
        for listening in self.sockets:
            listening.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        """Replace workers whose process has exited, and no others.

        uvicorn also kills a worker that does not answer a ping for five seconds. Where cores are
        scarce, that is every worker still importing, over and over; and the supervisor handles no
        signal while it waits for the answer.
        """
        for index, worker in enumerate(self.processes):
            if worker.process.is_alive():
                continue
            worker.kill()  # closes its pipes
            metrics.forget(worker.pid)
            if worker.exitcode == STARTUP_FAILURE:
                self.should_exit.set()
            if self.should_exit.is_set():
                return
            fields = {"worker_pid": worker.pid, "exit_code": worker.exitcode}
            log.warning("worker exited, restarting", extra=fields)
            self.processes[index] = Process(self.config, self.sockets)
            self.processes[index].start()


@contextmanager
def _shared_metrics(several: bool) -> Iterator[None]:
    """Share metrics between workers; exit with one line where no directory can be made for them."""
    with ExitStack() as stack:
        try:
            stack.enter_context(metrics.shared(several))
        except OSError as error:
            reason = f"no directory for the metrics of several workers: {error.strerror or error}"
            print(f"cutout: {reason}; set TMPDIR, or CUTOUT_METRICS=false", file=sys.stderr)
            raise SystemExit(STARTUP_FAILURE) from None
        yield


def _check_metrics_directory(directory: str | None) -> None:
    """Exit with one line if the directory is unusable: otherwise every worker would crash on it."""
    if directory is None or os.access(directory, os.W_OK | os.X_OK):
        return
    reason = f"{directory} is not a writable directory"
    print(f"cutout: {metrics.MULTIPROCESS}: {reason}", file=sys.stderr)
    raise SystemExit(STARTUP_FAILURE)
