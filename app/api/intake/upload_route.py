"""Routes that take an upload: what happens to a request before its endpoint runs.

`UploadRoute` checks the key, takes a permit, counts the request against the caller's rate, and
reads the body; then FastAPI solves the endpoint's parameters. `StrictRoute` validates a form
itself, and refuses what it does not know.
"""

import asyncio
import inspect
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from functools import cached_property
from typing import Any, ClassVar, cast, get_type_hints

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from cutout.errors import Abandoned, MalformedRequest, Overloaded, RateLimited
from cutout.system.clock import Clock

from ...admission.pace import disconnected
from ...admission.rates import caller_of
from ...settings import CHUNK
from ..auth import check_key
from ..services import services_of
from .body import UploadRequest
from .forms import MAX_PARTS, is_left_empty

UNWATCHED_SECONDS = 0.05  # before a request is watched for a disconnect

Endpoint = Callable[..., Coroutine[Any, Any, Response]]
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class UploadRoute(APIRoute):
    """A route whose requests are admitted before their body is read.

    The permit is held until the response is sent. The request's clock starts here: reading the body
    is its first stage.
    """

    large_texts: ClassVar[frozenset[str]] = frozenset()
    """Text fields that may be as long as the body; decoded as Latin-1, one character per byte."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the key, take a permit, count the request; then read it and run the endpoint.

        Raises Unauthorized for its key, Overloaded where no permit is free, and RateLimited, the
        latter two after the pace of refusals.
        """
        services = services_of(scope["app"])
        key = check_key(Headers(scope=scope), services.settings.api_keys)
        scope["state"]["key"] = key
        try:
            with services.workers.permits.hold(), services.metrics.in_flight.track_inprogress():
                # After the permit: a request rejected for want of one does not count.
                if services.rates is not None:
                    services.rates.check(caller_of(scope, key))
                await super().handle(scope, receive, _in_chunks(send))
        # Outside of the `with`: a refusal that is delayed holds no permit.
        except (Overloaded, RateLimited):
            await services.refusals.wait(scope, receive)
            raise

    def get_route_handler(self) -> Handler:
        """Make the coroutine that reads a request and responds to it (a hook of FastAPI)."""
        handler = self.get_form_handler()

        async def read_then_handle(request: Request) -> Response:
            services = services_of(request.app)
            settings = services.settings
            clock = Clock(settings.deadline_seconds)
            upload = UploadRequest(request.scope, request.receive)
            with clock.stage("receive"):
                await upload.read(settings, self.large_texts, clock)
            services.metrics.upload_bytes.observe(upload.received)
            upload.state.clock = clock
            form = await upload.form()
            try:
                self.check(upload, form)
                return await _unless_disconnected(handler(upload), request.receive, clock)
            finally:
                await form.close()

        return read_then_handle

    def get_form_handler(self) -> Handler:
        """Make the coroutine that responds to a request whose form has been read."""
        return super().get_route_handler()

    def check(self, request: UploadRequest, form: FormData) -> None:
        """Check a request for what FastAPI would ignore.

        A subclass raises MalformedRequest or RequestValidationError.
        """

    @cached_property
    def form_model(self) -> type[BaseModel] | None:
        """The model of the endpoint's parameter `form`; None if it has none."""
        # get_type_hints strips `Annotated`, in which endpoints wrap their model.
        model: type[BaseModel] | None = get_type_hints(self.endpoint).get("form")
        return model


class StrictRoute(UploadRoute):
    """A route that refuses what it does not know.

    That is: bodies that are not a form, options in the query string, unknown fields, and fields
    sent twice. Its endpoint is a coroutine with two parameters, `request` and `form`, a model.

    The model is validated at once. FastAPI would solve every field by itself, in Python: a fifth of
    the event loop's time for a small request. As its solver is not used, dependencies would not
    run; a route that has any is refused (see `StrictFastAPI`).
    """

    def get_form_handler(self) -> Handler:
        """Make the coroutine that validates a form and calls the endpoint with it.

        Raises TypeError where the endpoint has other parameters, or the route has dependencies.
        """
        endpoint = cast(Endpoint, self.endpoint)
        model = self.form_model
        names = list(inspect.signature(endpoint).parameters)
        if model is None or names != ["request", "form"]:
            raise TypeError(f"{self.path}: the endpoint must take (request, form), not {names}")
        refuse_dependencies(self)

        async def respond(request: Request) -> Response:
            return await endpoint(request, form=_validated(model, await request.form()))

        return respond

    def check(self, request: UploadRequest, form: FormData) -> None:
        """Refuse bodies that are not a form, query parameters, and fields sent more than once.

        Raises MalformedRequest or RequestValidationError.
        """
        if request.received and not form:  # of an empty body, validation names what is missing
            raise MalformedRequest(
                "the body is not multipart/form-data; send the image as its part `file`, as "
                "curl -F file=@image.jpg does"
            )
        if len(request.query_params) > MAX_PARTS:
            raise MalformedRequest("send options as form fields, not query parameters")
        errors = [*_query_errors(request), *_repeated(form)]
        if errors:
            raise RequestValidationError(errors)


class StrictFastAPI(FastAPI):
    """An app that refuses to include a `StrictRoute` with dependencies, which would not run."""

    def include_router(self, router: APIRouter, *args: Any, **options: Any) -> None:
        """Include a router. Raises TypeError, which names the route and its dependencies."""
        super().include_router(router, *args, **options)
        for context in iter_route_contexts(self.routes[-1:]):  # the router is one entry
            if isinstance(context.original_route, StrictRoute):
                refuse_dependencies(context)


def refuse_dependencies(route: Any) -> None:
    """Check that a route, or a route as included in an app, has no dependencies.

    Raises TypeError where it has.
    """
    calls = [dependency.call for dependency in route.dependant.dependencies]
    names = [getattr(call, "__qualname__", None) or repr(call) for call in calls]
    if names:
        raise TypeError(
            f"{route.path}: a StrictRoute does not run dependencies, but has {', '.join(names)}; "
            "do their work in the endpoint, or use UploadRoute"
        )


def _validated(model: type[BaseModel], form: FormData) -> BaseModel:
    """Make the model of a form; empty fields are left out. Raises RequestValidationError."""
    given = {name: value for name, value in form.items() if not is_left_empty(value)}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        located = [{**item, "loc": ("body", *item["loc"])} for item in errors]
        raise RequestValidationError(located, body=form) from None


def _query_errors(request: Request) -> Iterator[dict[str, Any]]:
    for name, value in request.query_params.items():
        yield {"type": "extra_forbidden", "loc": ("query", name), "input": value}


def _repeated(form: FormData) -> Iterator[dict[str, Any]]:
    times = Counter(name for name, _ in form.multi_items())
    for name, count in times.items():
        if count > 1:
            context = {"error": f"sent {count} times; it may appear only once"}
            error = {"type": "value_error", "loc": ("body", name), "input": form[name]}
            yield {**error, "ctx": context}


async def _unless_disconnected(
    response: Coroutine[Any, Any, Response], receive: Receive, clock: Clock
) -> Response:
    """Await the response; if the client disconnects first, cancel it and raise Abandoned.

    Watching starts after UNWATCHED_SECONDS, as it costs more than short requests are worth.
    """
    work = asyncio.current_task()
    watcher: asyncio.Future[None] | None = None
    assert work is not None

    def cancel(_: object) -> None:
        if not clock.abandoned:  # else it is done, and a cancellation could not be undone
            work.cancel()

    def watch() -> None:
        nonlocal watcher
        # The body has been read: from now on, `receive` returns once the client disconnects.
        watcher = asyncio.ensure_future(disconnected(receive))
        watcher.add_done_callback(cancel)

    timer = asyncio.get_running_loop().call_later(UNWATCHED_SECONDS, watch)
    try:
        return await response
    except asyncio.CancelledError:
        # Otherwise it is a shutdown that cancels.
        if watcher is not None and watcher.done():
            work.uncancel()  # it ends here: else the task would still count as being cancelled
            raise Abandoned("the client disconnected") from None
        raise
    finally:
        clock.abandon()
        timer.cancel()
        if watcher is not None:
            watcher.remove_done_callback(cancel)  # a watcher that is cancelled would call it, too
            watcher.cancel()


def _in_chunks(send: Send) -> Send:
    """Send large bodies in chunks, each once the connection has nearly sent the one before.

    A permit is thereby held until a large response is received: those of slow readers cannot pile
    up in memory.
    """

    async def send_chunks(message: Message) -> None:
        body = message.get("body", b"")
        if len(body) <= CHUNK:
            await send(message)
            return
        view = memoryview(body)  # so that chunks are not copies
        more = message.get("more_body", False)
        for start in range(0, len(view), CHUNK):
            end = start + CHUNK
            await send({**message, "body": view[start:end], "more_body": more or end < len(view)})

    return send_chunks
