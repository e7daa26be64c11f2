"""A transport that writes a response at once, and closes so that the client can read it."""

from asyncio import Transport, get_running_loop
from collections.abc import Callable

from .limits import LINGER_SECONDS


class OneWrite:
    """A transport that keeps a response's headers until its body follows, and writes them together.

    uvicorn writes them apart: two system calls, two packets, and a client woken twice. It also
    closes while a client is still sending: data that then arrives makes the kernel reset the
    connection, and the client may lose the response. So the end is announced first, and for
    LINGER_SECONDS data that arrives is read (RFC 9112, 9.6).
    """

    def __init__(
        self,
        transport: Transport,
        on_closing_unsent: Callable[[], None],
        is_receiving: Callable[[], bool],
    ) -> None:
        self._transport = transport
        self._on_closing_unsent = on_closing_unsent
        self._is_receiving = is_receiving
        self._lingers = False
        self._headers = b""
        # With the methods below, all that uvicorn uses of a transport; a test compares.
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.abort = transport.abort
        self.set_protocol = transport.set_protocol

    def is_closing(self) -> bool:
        """Tell whether the connection is closing, or about to be closed."""
        # While it lingers, uvicorn must start no further request of the pipeline.
        return self._lingers or self._transport.is_closing()

    def write(self, data: bytes | memoryview) -> None:
        """Write, or keep the data if it is the headers of a final response."""
        if self.is_closing():  # `writelines` would raise there, where `write` does not
            self._headers = b""
        elif self._headers:
            headers = self._headers
            self._headers = b""
            self._transport.writelines((headers, data))
        # Headers are bytes; large bodies come as memoryviews, which have no `startswith`.
        elif isinstance(data, bytes) and _is_final_response(data):
            self._headers = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Write headers that no body follows, as of the response to HEAD."""
        if self._headers:
            self.write(b"")

    def close(self) -> None:
        """Close once everything is sent. Calls `on_closing_unsent` if that takes time."""
        if self._lingers:
            return
        self.flush()  # before lingering, as `write` then drops everything
        if self._is_receiving() and not self._transport.is_closing():
            self._lingers = True
            self._transport.write_eof()
            # uvicorn may have paused it; data that is unread at the end makes the kernel reset.
            self._transport.resume_reading()
            # Not cancelled if the client closes first: closing twice does no harm.
            get_running_loop().call_later(LINGER_SECONDS, self._transport.close)
        else:
            self._transport.close()
        # The transport itself would wait for its buffer to empty without a limit.
        if self._transport.get_write_buffer_size():
            self._on_closing_unsent()


def _is_final_response(data: bytes) -> bool:
    """Tell whether the data starts a response other than an interim one (1xx)."""
    return data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1")
