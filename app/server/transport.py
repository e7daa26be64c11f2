"""One write per response instead of two."""

from asyncio import Transport
from collections.abc import Callable


class OneWrite:
    """A transport that keeps a response's headers until its body follows, and writes them together.

    uvicorn writes them apart: two system calls, two packets, and a client woken twice.
    """

    def __init__(self, transport: Transport, on_closing_unsent: Callable[[], None]) -> None:
        self._transport = transport
        self._on_closing_unsent = on_closing_unsent
        self._headers = b""
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.abort = transport.abort
        self.set_protocol = transport.set_protocol

    def write(self, data: bytes | memoryview) -> None:
        """Write, or keep the data if it is the headers of a final response."""
        if self._transport.is_closing():  # `writelines` would raise there, where `write` does not
            self._headers = b""
        elif self._headers:
            headers = self._headers
            self._headers = b""
            self._transport.writelines((headers, data))
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
        self.flush()
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._on_closing_unsent()


def _is_final_response(data: bytes) -> bool:
    """Whether the data starts a response other than an interim one (1xx)."""
    return data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1")
