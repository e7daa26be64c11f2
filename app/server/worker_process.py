"""A worker process that tells its supervisor once it serves."""

import socket
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import uvicorn
from uvicorn.supervisors.multiprocess import Process


class Worker(Process):
    """A worker process; `failed` is how many before it in a row exited before they served."""

    failed = 0

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], failed: int = 0
    ) -> None:
        self.failed = failed
        # The supervisor keeps `_tell` open: `poll` is also true once the other end is closed.
        self._told, self._tell = Pipe(duplex=False)
        self._serving: uvicorn.Server | None = None
        super().__init__(config, sockets)

    @property
    def has_served(self) -> bool:
        """Whether it has ever served; asked by the supervisor."""
        # The message is never received, so this stays true after the worker has exited.
        return self._told.poll()

    @property
    def server(self) -> uvicorn.Server:
        """The server that runs in the worker's process."""
        # uvicorn asks for it in the worker's process only.
        if self._serving is None:
            self._serving = _Server(self.config, self._tell)
        return self._serving


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, tell: Connection) -> None:
        super().__init__(config)
        self._tell = tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and tell the supervisor."""
        await super().startup(sockets)
        self._tell.send_bytes(b"serving")
