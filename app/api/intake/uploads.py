"""How a body comes in: a permit before the first byte, a cap while it streams, a limit to how long it may take."""

import asyncio
import binascii
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, ClassVar, cast
from urllib.parse import unquote_plus

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from cutout.errors import (
    Abandoned,
    MalformedRequest,
    Overloaded,
    RateLimited,
    SlowUpload,
    UploadTooLarge,
)
from cutout.system.clock import Clock

from ...admission.pace import disconnected
from ...admission.rates import caller_of
from ...settings import CHUNK, GRACE_SECONDS, Settings
from ..auth import check_key
from ..services import services_of

MAX_TEXT_PART = 8 * 1024
MAX_PARTS = 100
MAX_NAME = 100
UNWATCHED_SECONDS = 0.05
CHARSETS = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii", b"iso-8859-1", b"latin1"})
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_SENT = "sent {} times; it is taken once"


class UploadRoute(APIRoute):
    """A route whose requests show their key, are counted, admitted, capped and timed before FastAPI looks at them.

    The permit is held until the answer is sent. The request's clock starts here: reading the body is its first stage.
    """

    large_texts: ClassVar[frozenset[str]] = frozenset()
    """Fields that may be as long as the body although they are no files. They come as Latin-1, a character a byte."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        services = services_of(scope["app"])
        key = scope["state"]["key"] = check_key(Headers(scope=scope), services.settings.api_keys)
        try:
            with services.workers.permits.hold(), services.metrics.in_flight.track_inprogress():
                if (
                    services.rates is not None
                ):  # whom this server was too busy for has not had its request
                    services.rates.check(caller_of(scope, key))
                await super().handle(scope, receive, _in_pieces(send))
        except (Overloaded, RateLimited):
            await services.refusals.wait(scope, receive)
            raise

    def get_route_handler(self) -> Handler:
        handler, large_texts = self.get_form_handler(), self.large_texts

        async def read_then_handle(request: Request) -> Response:
            services = services_of(request.app)
            settings = services.settings
            clock = Clock(time.monotonic() + settings.deadline_seconds)
            upload = _Upload(request.scope, request.receive)
            with clock.stage("receive"):
                await upload.read(settings, large_texts)
            services.metrics.upload_bytes.observe(upload.received)
            upload.state.clock = clock
            try:
                self.check(upload, await upload.form())
                return await _unless_gone(handler(upload), request.receive, clock)
            finally:
                await (await upload.form()).close()

        return read_then_handle

    def get_form_handler(self) -> Handler:
        """What answers a request whose form has been read."""
        return super().get_route_handler()

    def check(self, request: "_Upload", form: FormData) -> None:
        """Raises MalformedRequest or RequestValidationError for what FastAPI would pass over without a word."""


class StrictRoute(UploadRoute):
    """A route that refuses what it does not understand: bodies that are no form, options in the address, and whatever
    comes twice. Its endpoint is a coroutine that takes the `request` and, as a model, its `form`."""

    def get_form_handler(self) -> Handler:
        """The form's model is filled in at once. FastAPI takes every field on its own, in Python: a fifth of the time
        that the event loop has for a request."""
        assert self.body_field is not None
        endpoint = cast(Callable[..., Coroutine[Any, Any, Response]], self.endpoint)
        model = cast(type[BaseModel], self.body_field.field_info.annotation)

        async def answer(request: Request) -> Response:
            form = await request.form()
            try:
                fields = model.model_validate(
                    {name: value for name, value in form.items() if not is_left_empty(value)}
                )
            except ValidationError as error:
                raise RequestValidationError(
                    [
                        {**item, "loc": ("body", *item["loc"])}
                        for item in error.errors(include_url=False)
                    ],
                    body=form,
                ) from None
            return await endpoint(request, form=fields)

        return answer

    def check(self, request: "_Upload", form: FormData) -> None:
        if request.received and not form:
            raise MalformedRequest(
                "the body is no form; send multipart/form-data with the picture as its part `file`, "
                "as curl -F file=@picture.jpg does"
            )
        if len(request.query_params) > MAX_PARTS:
            raise MalformedRequest("options are fields of the form, and not in the address")
        strays = [
            {"type": "extra_forbidden", "loc": ("query", name), "input": value}
            for name, value in request.query_params.items()
        ]
        times = Counter(name for name, _ in form.multi_items())
        repeated = [
            {
                "type": "value_error",
                "loc": ("body", name),
                "input": form[name],
                "ctx": {"error": _SENT.format(count)},
            }
            for name, count in times.items()
            if count > 1
        ]
        if strays or repeated:
            raise RequestValidationError([*strays, *repeated])


class _Upload(Request):
    """A request whose form was read under our limits."""

    received = 0
    _fields: FormData

    async def read(self, settings: Settings, large_texts: frozenset[str]) -> None:
        """Read and parse the body. Raises UploadTooLarge, SlowUpload, MalformedRequest, or Abandoned."""
        max_bytes = settings.max_upload_bytes
        announced = self.headers.get("content-length", "0").lstrip("0") or "0"
        # int() refuses thousands of digits with an error of its own.
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > max_bytes):
            raise UploadTooLarge(
                f"the body has more than the {max_bytes} bytes that this server takes"
            )
        stream = self._capped(max_bytes, settings.upload_seconds, settings.min_bytes_per_second)
        try:
            self._fields = await self._parse(stream, max_bytes, large_texts)
        except MultiPartException as error:
            raise MalformedRequest(f"the form can't be read: {error.message}") from error
        except ClientDisconnect:
            raise Abandoned("the client has gone") from None

    async def form(self, **limits: Any) -> FormData:  # type: ignore[override]
        return self._fields

    async def _parse(
        self, stream: AsyncGenerator[bytes, None], max_bytes: int, large_texts: frozenset[str]
    ) -> FormData:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            _check_charset(self.headers["content-type"])
            return await _MultiPart(self.headers, stream, max_bytes, large_texts).parse()
        self._body = b"".join([chunk async for chunk in stream])
        # curl gives that name to whatever --data-binary sends, and a picture holds a NUL as no form does.
        if kind == "application/x-www-form-urlencoded" and b"\0" not in self._body:
            # In a thread: undoing the % signs of a large body would hold up everybody else.
            return await asyncio.to_thread(_parse_urlencoded, self._body, large_texts)
        return FormData()

    async def _capped(
        self, max_bytes: int, seconds: float, min_rate: int
    ) -> AsyncGenerator[bytes, None]:
        """The body as it arrives: each byte buys time, up to `seconds` in all."""
        loop = asyncio.get_running_loop()
        started, stream = loop.time(), self.stream()
        while True:
            allowed = seconds_allowed(self.received, seconds, min_rate)
            try:
                async with asyncio.timeout_at(started + allowed):
                    chunk = await anext(stream, None)
            except TimeoutError:
                raise SlowUpload(
                    f"{self.received} bytes of the body arrived within {allowed:.0f} seconds"
                ) from None
            if chunk is None:
                return
            self.received += len(chunk)
            if self.received > max_bytes:
                raise UploadTooLarge(
                    f"the body has more than the {max_bytes} bytes that this server takes"
                )
            yield chunk


class _MultiPart(MultiPartParser):
    """A form's parser that looks at the length of a name before anything is done with it, and at a text's as it comes.

    Files stay in memory: the cap of the body bounds them, and the disk may be read-only.
    """

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        max_bytes: int,
        large_texts: frozenset[str],
    ) -> None:
        super().__init__(
            headers, stream, max_files=MAX_PARTS, max_fields=MAX_PARTS, max_part_size=max_bytes
        )
        self.spool_max_size = max_bytes + 1
        self._large_texts = large_texts
        self._inside_a_part = False

    async def parse(self) -> FormData:
        form = await super().parse()
        if self._inside_a_part:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException(
                "it ends within a field, before the boundary that its header names"
            )
        return form

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._inside_a_part = True

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        _check_name(self._current_part.field_name)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        part = self._current_part
        if part.file is None and part.field_name not in self._large_texts:
            check_length(part.field_name, len(part.data) + end - start)
        super().on_part_data(data, start, end)

    def on_part_end(self) -> None:
        self._inside_a_part = False
        part = self._current_part
        if part.file is None and part.field_name in self._large_texts:
            self.items.append((part.field_name, part.data.decode("latin-1")))
        else:
            super().on_part_end()


def is_left_empty(value: UploadFile | str) -> bool:
    """As browsers send what nobody has filled in or chosen."""
    return value == "" or (
        isinstance(value, UploadFile) and value.filename == "" and value.size == 0
    )


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME:
        raise MalformedRequest(
            f"the form has a field whose name has more than {MAX_NAME} characters"
        )


def check_length(name: str, length: int) -> None:
    """Raises MalformedRequest for a field that is too long for what is no picture."""
    if length > MAX_TEXT_PART:
        raise MalformedRequest(
            f"the field {name!r} has more than {MAX_TEXT_PART} bytes; pictures are sent as files, as curl -F "
            f"{name}=@picture.jpg does"
        )


def seconds_allowed(received: int, seconds: float, min_rate: int) -> float:
    """Until when the next byte has to be there, from the body's start: a grace, and the time that the bytes so far take
    at the slowest rate, but never more than `seconds`."""
    return min(seconds, GRACE_SECONDS + received / min_rate)


def _check_charset(content_type: str) -> None:
    """Raises MalformedRequest for other charsets than CHARSETS: the parser would take any codec that Python has, and
    some of them are slow, or fail in ways of their own."""
    charset = parse_options_header(content_type)[1].get(b"charset", b"utf-8")
    if charset.lower() not in CHARSETS:
        raise MalformedRequest("the form has a charset that is not taken here; send utf-8")


def _parse_urlencoded(body: bytes, large_texts: frozenset[str]) -> FormData:
    """Lengths are looked at before % signs: undoing these makes an object of each."""
    pieces = body.split(b"&", MAX_PARTS)
    if len(pieces) > MAX_PARTS:
        raise MalformedRequest(f"the form has more than {MAX_PARTS} fields")
    return FormData([_urlencoded(piece, large_texts) for piece in pieces if piece])


def _urlencoded(piece: bytes, large_texts: frozenset[str]) -> tuple[str, str]:
    key, _, value = piece.partition(b"=")
    name = unquote_plus(
        key[: 3 * MAX_NAME + 3].decode("latin-1")
    )  # cut where it is too long in any case
    _check_name(name)
    if name in large_texts:
        return name, _unquoted(value).decode("latin-1")
    check_length(name, len(value) // 3)
    text = unquote_plus(value.decode("latin-1"))
    check_length(name, len(text))
    return name, text


def _unquoted(value: bytes) -> bytes:
    """As `unquote_to_bytes` does, but at once and without an object for each % sign: what follows it is what follows
    a = in quoted-printable (RFC 2045, 6.7)."""
    return binascii.a2b_qp(value.replace(b"+", b" ").replace(b"=", b"%3D").replace(b"%", b"="))


async def _unless_gone(
    answer: Coroutine[Any, Any, Response], receive: Receive, clock: Clock
) -> Response:
    """The answer, unless the client disconnects first: then its work is dropped and its place is free.

    Whether the client is still there is first looked at after UNWATCHED_SECONDS: answers that take less do without.
    """
    work, left = asyncio.current_task(), None
    assert work is not None

    def drop(_: object) -> None:
        if not clock.abandoned:  # else it is done, and this came too late to be taken back
            work.cancel()

    def watch() -> None:
        nonlocal left
        left = asyncio.ensure_future(disconnected(receive))
        left.add_done_callback(drop)

    timer = asyncio.get_running_loop().call_later(UNWATCHED_SECONDS, watch)
    try:
        return await answer
    except asyncio.CancelledError:
        if left is not None and left.done():
            work.uncancel()
            raise Abandoned("the client has gone") from None
        raise
    finally:
        clock.abandon()
        timer.cancel()
        if left is not None:
            left.remove_done_callback(drop)
            left.cancel()


def _in_pieces(send: Send) -> Send:
    """`send` piece by piece, each when the connection has nearly let go of the one before: a permit lasts as long as a
    large answer, so that the answers of slow readers can't pile up."""

    async def send_pieces(message: Message) -> None:
        body = message.get("body", b"")
        if len(body) <= CHUNK:
            await send(message)
            return
        view, more = memoryview(body), message.get("more_body", False)
        for start in range(0, len(view), CHUNK):
            end = start + CHUNK
            await send({**message, "body": view[start:end], "more_body": more or end < len(view)})

    return send_pieces
