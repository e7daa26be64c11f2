"""Reading of a request's body, with limits on its size and on the time it may take to arrive."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect, Request

from cutout.errors import Abandoned, SlowUpload, UploadTooLarge
from cutout.system.clock import Clock

from ...settings import GRACE_SECONDS, Settings
from .forms import parse_multipart, parse_urlencoded


class UploadRequest(Request):
    """A request whose body is read and parsed by `read`, within the limits of the settings.

    `received` is the number of bytes of the body so far.
    """

    received = 0
    _form_data: FormData  # `_form` is starlette's
    _content: bytes = b""

    async def read(self, settings: Settings, large_texts: frozenset[str], clock: Clock) -> None:
        """Read and parse the body.

        `large_texts` names text fields that may be as long as the body. Raises UploadTooLarge,
        SlowUpload, TooSlow at the clock's deadline, MalformedRequest where a form cannot be parsed,
        and Abandoned if the client disconnects.
        """
        # Before the first `receive`, for which uvicorn sends 100 Continue to a client that waits.
        self._check_announced(settings.max_upload_bytes)
        try:
            self._form_data = await self._parse(self._limited(settings, clock), large_texts)
        except ClientDisconnect:
            raise Abandoned("the client disconnected") from None

    async def form(self, **limits: Any) -> FormData:  # type: ignore[override]
        """Return the form; empty if the body was not a form. Its limits were those of `read`."""
        return self._form_data

    async def body(self) -> bytes:
        """Return the body; empty if it was multipart/form-data."""
        return self._content

    def content_type(self) -> str:
        """Return the media type of the body without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    async def _parse(
        self, chunks: AsyncGenerator[bytes, None], large_texts: frozenset[str]
    ) -> FormData:
        kind = self.content_type()
        if kind == "multipart/form-data":
            return await parse_multipart(self.headers["content-type"], chunks, large_texts)
        self._content = b"".join([chunk async for chunk in chunks])
        # curl sends any --data-binary as a form; an image has NUL bytes, and no form has any.
        if kind == "application/x-www-form-urlencoded" and b"\0" not in self._content:
            # In a thread, as a large body would block the event loop.
            return await asyncio.to_thread(parse_urlencoded, self._content, large_texts)
        return FormData()

    def _check_announced(self, max_bytes: int) -> None:
        announced = self.headers.get("content-length", "0").lstrip("0") or "0"
        # int() raises ValueError for thousands of digits.
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > max_bytes):
            raise _too_large(f"{announced[:18]} bytes", max_bytes)

    async def _limited(self, settings: Settings, clock: Clock) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives. Raises SlowUpload, UploadTooLarge, or TooSlow."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        stream = self.stream()
        while True:
            allowed = seconds_allowed(
                self.received, settings.upload_seconds, settings.min_bytes_per_second
            )
            until = started + allowed
            left = clock.remaining()
            deadline = until if left is None else loop.time() + left
            try:
                async with asyncio.timeout_at(min(until, deadline)):
                    chunk = await anext(stream, None)
            except TimeoutError:
                # Not by the clock, which a timer may be ahead of by a millisecond.
                if deadline < until:
                    raise clock.too_slow() from None
                raise _too_slow(self.received, allowed, settings) from None
            # b"" is not the end yet: starlette yields it as its last chunk.
            if chunk is None:
                return
            self.received += len(chunk)
            if self.received > settings.max_upload_bytes:
                limit = settings.max_upload_bytes
                raise _too_large(f"more than {limit} bytes", limit)
            yield chunk


def seconds_allowed(received: int, seconds: float, min_rate: int) -> float:
    """Return the time, in seconds from the start of the body, by which the next byte must arrive.

    That is a grace period plus what the `received` bytes take at `min_rate` bytes per second, but
    never more than `seconds`.
    """
    return min(seconds, GRACE_SECONDS + received / min_rate)


def _too_slow(received: int, seconds: float, settings: Settings) -> SlowUpload:
    return SlowUpload(
        f"only {received} bytes of the body arrived within {seconds:.0f} s; send at least "
        f"{settings.min_bytes_per_second} bytes per second (CUTOUT_MIN_BYTES_PER_SECOND), and all "
        f"within {settings.upload_seconds:g} s (CUTOUT_UPLOAD_SECONDS)"
    )


def _too_large(size: str, max_bytes: int) -> UploadTooLarge:
    return UploadTooLarge(
        f"the body has {size}; the limit is {max_bytes}: send a smaller image, or raise "
        "CUTOUT_MAX_UPLOAD_BYTES"
    )
