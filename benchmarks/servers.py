"""Servers, started as a newcomer starts them on a free loopback port; their CPU and memory.

These are read from /proc.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import HOST, ask

ROOT = Path(__file__).parent.parent
POLL_SECONDS = 0.01
START_SECONDS = 600.0  # a first start on a busy machine compiles and reads a great deal
STOP_SECONDS = 30.0
TICKS = os.sysconf("SC_CLK_TCK")  # per second


@dataclass(frozen=True)
class Server:
    """A running server. Figures are of all its processes, a supervisor included."""

    process: subprocess.Popen[bytes]
    port: int
    ready_seconds: float
    log: Path

    @property
    def pids(self) -> list[int]:
        """The process, and all that it started."""
        return [self.process.pid, *descendants(self.process.pid)]

    @property
    def rss_mb(self) -> float:
        """Resident memory now, MB (10^6 bytes); pages that processes share count for each."""
        return sum(_status_kb(pid, "VmRSS") for pid in self.pids) * 1024 / 1e6

    @property
    def peak_rss_mb(self) -> float:
        """The sum of each process's own peak, MB."""
        return sum(map(peak_rss_mb, self.pids))

    @property
    def cpu_seconds(self) -> float:
        """The CPU time of all processes so far."""
        return sum(_cpu_seconds(pid) for pid in self.pids)


@contextmanager
def serving(
    command: Sequence[str], environment: Mapping[str, str], ready: bytes, port: int | None = None
) -> Iterator[Server]:
    """Start a server, wait until `ready` (a request) is answered 200, and stop it at the end.

    `{port}` in the command and in the environment's values stands for its port. Exits with a
    message where it does not become ready.
    """
    port = port or free_port()
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        filled = [part.replace("{port}", str(port)) for part in command]
        values = {name: value.replace("{port}", str(port)) for name, value in environment.items()}
        started = time.perf_counter()
        process = subprocess.Popen(
            filled, env={**os.environ, **values}, cwd=ROOT, stdout=log, stderr=log
        )
        try:
            _await_ready(process, port, ready, started, Path(log.name))
            yield Server(process, port, time.perf_counter() - started, Path(log.name))
        finally:
            _stop(process)


@contextmanager
def cutout_server(models: Path, **settings: str) -> Iterator[Server]:
    """Run our server: `python -m app`, with these models, a free port and settings (CUTOUT_…)."""
    environment = {f"CUTOUT_{name.upper()}": value for name, value in settings.items()}
    environment |= {"CUTOUT_PORT": "{port}", "CUTOUT_HOST": HOST, "CUTOUT_MODELS": str(models)}
    with serving(
        [sys.executable, "-m", "app"],
        environment,
        b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ) as it:
        yield it


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        port: int = listening.getsockname()[1]
        return port


def descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        for child in map(int, _read(task / "children").split()):
            found += [child, *descendants(child)]
    return found


def peak_rss_mb(pid: int) -> float:
    """Return the most resident memory that a process ever had, MB.

    `getrusage` would include its parent's before exec.
    """
    return _status_kb(pid, "VmHWM") * 1024 / 1e6


def _await_ready(
    process: subprocess.Popen[bytes], port: int, ready: bytes, started: float, log: Path
) -> None:
    while ask(port, ready).status != 200:
        if process.poll() is not None or time.perf_counter() - started > START_SECONDS:
            raise SystemExit(f"{process.args!r} did not become ready:\n{log.read_text()[-2000:]}")
        time.sleep(POLL_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for pid in (*descendants(process.pid), process.pid):
            os.kill(pid, 9)
        process.wait()


def _status_kb(pid: int, field: str) -> int:
    for line in _read(Path(f"/proc/{pid}/status")).splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def _cpu_seconds(pid: int) -> float:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process has ended
        return ""
