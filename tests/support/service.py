"""The service as a newcomer starts it: a process and a port; and how to wait for what it does."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60


class Service:
    """`python -m app` with one-node models on a free port."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._start(
            [sys.executable, "-m", "app"],
            Path(),
            folder.parent / "log",
            {"models": str(folder), **settings},
        )

    def _start(
        self, command: list[str], directory: Path, log: Path, settings: dict[str, str]
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        given = {
            f"CUTOUT_{name.upper()}": value
            for name, value in {"port": str(self.port), **settings}.items()
        }
        self.log = log
        with log.open("w") as out:
            self.process = subprocess.Popen(
                command, cwd=directory, env={**os.environ, **given}, stderr=out, stdout=out
            )

    def get(self, path: str) -> tuple[int, bytes]:
        return self._request("GET", path)

    def post(self, path: str, upload: bytes) -> tuple[int, bytes]:
        body = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
            + upload
            + b"\r\n--b--\r\n"
        )
        return self._request(
            "POST", path, body, {"Content-Type": "multipart/form-data; boundary=b"}
        )

    def worker_id(self) -> int:
        """The worker's process id. Raises FileNotFoundError while there is none."""
        for child in (
            Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        raise FileNotFoundError("no worker")

    def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Any = {},  # noqa: B006
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()


class InstalledService(Service):
    """A command of an installed distribution that serves, run in a directory, with every other
    setting's default."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self._start(command, directory, directory / "log", {})


def eventually(holds: Callable[[], bool]) -> None:
    """Poll until it holds; fail after PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except OSError:
            pass
        time.sleep(0.02)
    pytest.fail("it did not come to hold in time")
