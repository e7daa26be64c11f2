"""The supervisor process: open the socket, start the workers, restart those that exit.

It decodes nothing itself. A worker that crashes, for instance in a decoder, is replaced within a
second or two; connections made meanwhile wait in the socket's backlog (docs/decisions/0002).
"""

import logging
import os
import signal
import sys
import time
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
from .worker_process import Worker

APP = f"{__package__.rpartition('.')[0]}.worker:from_environment"  # app, or cutout.server

MAX_FAILED = 5
"""Workers that may exit in a row before they serve. Then the server exits; where other workers
serve, it starts a further one only every SECONDS_BETWEEN seconds."""
SECONDS_BETWEEN = 30.0

log = logging.getLogger("cutout")


def serve(settings: Settings) -> None:
    """Serve until a signal stops it.

    Exits with STARTUP_FAILURE, after one line that says why, if it cannot start.
    """
    # Its errors are printed, as logging is not configured yet.
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
    log.info("stopped")
    if supervisor.failed:
        raise SystemExit(STARTUP_FAILURE)


def worker_config(settings: Settings, workers: int = 1) -> uvicorn.Config:
    """Configure a worker's uvicorn server, and the logging of this process."""
    # X-Forwarded-For is left to uvicorn, which trusts FORWARDED_ALLOW_IPS (docs/operations.md).
    return uvicorn.Config(
        APP,
        factory=True,
        http=http_protocol(settings),
        ws="none",
        workers=workers,
        log_config=log_config(settings.log_level, settings.log_format),
        access_log=False,  # `Observe` writes a line for each request
        server_header=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=round(settings.drain_seconds),  # an int for uvicorn
    )


class Supervisor(Multiprocess):
    """uvicorn's supervisor, with two changes: how it stops, and which workers it replaces.

    `failed` is whether it stops because its workers cannot start.
    """

    failed = False
    _not_before = 0.0

    def init_processes(self) -> None:
        """Start the workers."""
        for _ in range(self.processes_num):
            self.processes.append(self._started(failed=0))

    def terminate_all(self) -> None:
        """Close the listening sockets, then tell the workers to stop.

        Otherwise clients could still connect and wait for a server that is shutting down.
        """
        if not self.failed:
            log.info(
                "shutting down", extra={"drain_seconds": self.config.timeout_graceful_shutdown}
            )
        # Only this process's: each worker has its own, and closes it as it stops.
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
            # `worker.is_alive()` would ping. `_replace` may set should_exit for an earlier worker.
            if not worker.process.is_alive() and not self.should_exit.is_set():
                self._replace(index, worker)

    def _replace(self, index: int, worker: Process) -> None:
        failed = _failed(worker)
        is_hopeless = failed >= MAX_FAILED
        if worker.exitcode == STARTUP_FAILURE:  # it has said why
            self._give_up()
        elif is_hopeless and not any(map(_serves, self.processes)):
            log.critical("startup failed", extra=_why(failed, worker.exitcode))
            self._give_up()
        elif not is_hopeless or time.monotonic() >= self._not_before:
            worker.kill()  # closes its pipes
            metrics.forget(worker.pid)
            fields = {"worker_pid": worker.pid, "exit_code": worker.exitcode}
            log.warning("worker exited, restarting", extra=fields)
            self._not_before = time.monotonic() + SECONDS_BETWEEN
            self.processes[index] = self._started(failed)

    def _started(self, failed: int) -> Worker:
        worker = Worker(self.config, self.sockets, failed)
        worker.start()
        return worker

    def _give_up(self) -> None:
        self.failed = True
        self.should_exit.set()


def _failed(worker: Process) -> int:
    """Return how many workers in a row exited before they served, this one included; 0 if it did.

    Workers that uvicorn starts itself, when signals ask for them, count as if they had.
    """
    return 1 + worker.failed if isinstance(worker, Worker) and not worker.has_served else 0


def _serves(worker: Process) -> bool:
    return worker.process.is_alive() and not _failed(worker)


def _why(failed: int, exit_code: int | None) -> dict[str, str]:
    """Return the fields of the log event for workers that exit before they serve."""
    cause = "a library or a model makes it crash"
    # multiprocessing's exit code is minus the signal; at a memory limit, the kernel sends SIGKILL.
    if exit_code == -signal.SIGKILL:
        cause = "mostly for want of memory: raise the limit, or lower CUTOUT_WORKERS"
    detail = f"{failed} workers in a row exited before they served, the last with {exit_code}"
    return {"code": "worker_exited", "detail": f"{detail}: {cause}"}


@contextmanager
def _shared_metrics(several: bool) -> Iterator[None]:
    """Share metrics between workers; exit with one line where no directory can be made for them."""
    # Not `with metrics.shared()`: the except would take the server's own OSErrors, too.
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
