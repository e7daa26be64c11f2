"""How a body comes in: a permit before the first byte, a cap while it streams, a limit to how long it may take."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.auth import check_key
from app.api.deps import settings_of, workers_of
from app.clock import Clock
from app.errors import Abandoned, MalformedRequest, SlowUpload, UploadTooLarge

MAX_TEXT_PART = 1024 * 1024
MAX_PARTS = 100


class UploadRoute(APIRoute):
    """A route whose requests show their key, are admitted, capped and timed before FastAPI looks at them.

    The permit is held until the answer is sent. The request's clock starts here: reading the body is its first stage.
    """

    max_text_part: ClassVar[int | None] = MAX_TEXT_PART
    """Bytes that a part of a form which is no file may have; None: as many as the body."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        check_key(Headers(scope=scope), settings_of(scope["app"]).api_keys)
        in_flight = scope["app"].state.metrics.in_flight
        with workers_of(scope["app"]).admit(), in_flight.track_inprogress():
            await super().handle(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler, max_text_part = super().get_route_handler(), self.max_text_part

        async def read_then_handle(request: Request) -> Response:
            settings = settings_of(request.app)
            clock = Clock(time.monotonic() + settings.deadline_seconds)
            upload = _Upload(request.scope, request.receive)
            with clock.stage("receive"):
                await upload.read(settings.max_upload_bytes, settings.upload_seconds, max_text_part)
            request.app.state.metrics.upload_bytes.observe(upload.received)
            upload.state.clock = clock
            try:
                return await _unless_gone(handler(upload), request.receive, clock)
            finally:
                await (await upload.form()).close()

        return read_then_handle


class _Upload(Request):
    """A request whose form was read under our limits."""

    received = 0
    _fields: FormData

    async def read(self, max_bytes: int, seconds: float, max_text_part: int | None) -> None:
        """Read and parse the body. Raises UploadTooLarge, SlowUpload or MalformedRequest."""
        announced = self.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > max_bytes:
            raise UploadTooLarge(f"the body has {announced} bytes; this server takes {max_bytes}")
        try:
            async with asyncio.timeout(seconds):
                self._fields = await self._parse(max_bytes, max_bytes if max_text_part is None else max_text_part)
        except TimeoutError:
            raise SlowUpload(f"the body did not arrive within {seconds:g} seconds") from None
        except MultiPartException as error:
            raise MalformedRequest(f"the form can't be read: {error.message}") from error

    async def form(self, **limits: Any) -> FormData:  # type: ignore[override]
        return self._fields

    async def _parse(self, max_bytes: int, max_text_part: int) -> FormData:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        stream = self._capped(max_bytes)
        if kind == "multipart/form-data":
            parser = MultiPartParser(
                self.headers, stream, max_files=MAX_PARTS, max_fields=MAX_PARTS, max_part_size=max_text_part
            )
            parser.spool_max_size = max_bytes + 1  # in memory: the cap bounds it, and the disk may be read-only
            return await parser.parse()
        self._body = b"".join([chunk async for chunk in stream])
        if kind == "application/x-www-form-urlencoded":
            # In a thread: undoing the % signs of a large body would hold up everybody else for a second.
            return await asyncio.to_thread(_parse_urlencoded, self._body, max_text_part)
        return FormData()

    async def _capped(self, max_bytes: int) -> AsyncGenerator[bytes, None]:
        async for chunk in self.stream():
            self.received += len(chunk)
            if self.received > max_bytes:
                raise UploadTooLarge(f"the body has more than the {max_bytes} bytes that this server takes")
            yield chunk


def _parse_urlencoded(body: bytes, max_text_part: int) -> FormData:
    try:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARTS)
    except ValueError as error:
        raise MalformedRequest(f"the form has more than {MAX_PARTS} fields") from error
    if any(len(value) > max_text_part for _, value in pairs):
        raise MalformedRequest(f"the form has a field with more than {max_text_part} characters")
    return FormData([*pairs])


async def _unless_gone(answer: Coroutine[Any, Any, Response], receive: Receive, clock: Clock) -> Response:
    """The answer, unless the client disconnects first: then its work is dropped and its place is free."""
    work, gone = asyncio.ensure_future(answer), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        raise Abandoned("the client has gone")
    finally:
        clock.abandon()
        work.cancel()
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
