"""What is used of uvicorn, starlette and FastAPI beyond their documentation.

Limits hang on these names: a new version that drops or changes one could switch a limit off without
an error. Therefore the versions are capped at the next minor, and each name is listed here with its
reason, and checked: that it exists, and that it behaves as relied upon. None begins with an
underscore; a test sees to that too.
"""

import ast
import asyncio
import inspect
import re
import signal
import socket
import tomllib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any

import pytest
import starlette.datastructures
import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Form, Request
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel
from python_multipart.multipart import parse_options_header
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols import utils
from uvicorn.protocols.http import flow_control, httptools_impl
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from app.server.connection import Connection
from app.server.supervisor import Supervisor
from app.server.transport import OneWrite
from app.server.worker_process import Worker

ROOT = Path(__file__).parents[3]
FRAMEWORKS = ("uvicorn", "starlette", "fastapi")
PATIENCE = 30

PROTOCOL = {
    "loop": "starts the timers",
    "transport": "closes and cuts off",
    "connections": "all connections of the process: their number has a limit",
    "parser": "fed by us, as a request to upgrade is parsed twice",
    "client": "the address that rates, proxies and logs go by: an IPv4 one as such",
    "headers": "of the request being received: exactly one Host; written again without Upgrade",
    "url": "of the request being received: written again without Upgrade",
    "expect_100_continue": "reset for HTTP/1.0, which knows no interim response",
    "cycle": "the last request received",
    "pipeline": "requests received ahead: their number has a limit, and the next one is its last",
    "flow": "whether reading is paused: then late headers are our own doing",
    "timeout_keep_alive_task": "when an idle connection is closed, and whether it is idle",
    "timeout_keep_alive_handler": "closes an idle connection, after a last read",
    "send_400_response": "called by uvicorn as well as by us: writes a problem",
    "on_message_begin": "callback of the parser",
    "on_url": "callback of the parser",
    "on_header": "callback of the parser",
    "on_headers_complete": "callback of the parser; makes `cycle`, or puts it into `pipeline`",
    "on_message_complete": "callback of the parser",
    "on_response_complete": "called once a response is written: starts the next in `pipeline`",
}
CYCLE = {
    "disconnected": "set for a request whose successor is in the pipeline: uvicorn tells the last",
    "message_event": "set with it, so that `receive` returns",
    "response_started": "whether a 400 can still be sent",
}
SUPERVISOR = {
    "config": "for new workers",
    "sockets": "closed at once on shutdown",
    "processes": "the workers, replaced in place",
    "should_exit": "set if a worker cannot start",
    "processes_num": "how many workers there are",
    "init_processes": "replaced: workers that tell when they serve",
    "keep_subprocess_alive": "replaced: no ping",
    "terminate_all": "extended: closes the sockets first",
}
WORKER = {
    "process": "whether it is alive",
    "pid": "for the log and the metrics",
    "exitcode": "why it ended",
    "kill": "closes its pipes",
    "start": "starts it",
    "config": "for the server in it",
    "server": "replaced: tells once it serves",
}


class Conversation:
    """uvicorn's protocol, not ours, at one end of a pair of sockets."""

    def __init__(self, protocol: HttpToolsProtocol, client: socket.socket) -> None:
        self.protocol = protocol
        self._client = client

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._client, data)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():  # noqa: ASYNC110 - what holds is set by a protocol's callbacks
                await asyncio.sleep(0)

    def hang_up(self) -> None:
        self._client.close()

    @property
    def idle_timer(self) -> asyncio.TimerHandle | None:
        return self.protocol.timeout_keep_alive_task


def converse(
    test: Callable[[Conversation, asyncio.Event], Awaitable[None]],
    kind: type[HttpToolsProtocol] = HttpToolsProtocol,
) -> None:
    """Run a test against an app that responds once the event is set."""

    async def run() -> None:
        respond = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()  # resumes reading, without which no disconnect is noticed
            await respond.wait()
            await Response(b"done")(scope, receive, send)

        loop = asyncio.get_running_loop()
        config = uvicorn.Config(app, log_config=None, ws="none")
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        with closing(theirs):
            _, protocol = await loop.connect_accepted_socket(
                lambda: kind(config, ServerState(), {}), ours
            )
            await test(Conversation(protocol, theirs), respond)
            protocol.transport.abort()
            respond.set()
            await asyncio.gather(*protocol.tasks)

    asyncio.run(run())


def test_requests_are_where_they_are_looked_for() -> None:
    async def test(conversation: Conversation, respond: asyncio.Event) -> None:
        protocol = conversation.protocol
        assert protocol.connections == {protocol}
        assert protocol.pipeline == deque()
        assert [conversation.idle_timer] == [None]
        await conversation.send(b"POST /a?b HTTP/1.1\r\nHOST: x\r\nExpect: 100-continue\r\n\r\n")
        await conversation.until(lambda: protocol.cycle is not None)
        assert all(hasattr(protocol, name) for name in PROTOCOL)
        first = protocol.cycle
        assert isinstance(first, RequestResponseCycle)
        assert protocol.url == b"/a?b"
        assert protocol.headers == [(b"host", b"x"), (b"expect", b"100-continue")]
        assert protocol.expect_100_continue
        started = [first.response_started]
        paused = [protocol.flow.read_paused]

        for path in (b"/second", b"/third"):
            await conversation.send(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        await conversation.until(lambda: len(protocol.pipeline) >= 1)
        assert protocol.pipeline[-1][0].scope["path"] == "/second"
        assert [*paused, protocol.flow.read_paused] == [False, True]

        respond.set()
        await conversation.until(lambda: conversation.idle_timer is not None)
        assert [*started, first.response_started] == [False, True]
        assert not protocol.pipeline
        timer = conversation.idle_timer
        assert timer is not None
        assert timer.when() > protocol.loop.time()

    converse(test)


def test_a_disconnect_is_told_to_the_last_request_alone() -> None:
    async def test(conversation: Conversation, respond: asyncio.Event) -> None:
        protocol = conversation.protocol
        await conversation.send(
            b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        await conversation.until(lambda: len(protocol.pipeline) == 1)
        last = protocol.cycle
        conversation.hang_up()
        await conversation.until(lambda: protocol not in protocol.connections)
        assert last.disconnected
        assert last.message_event.is_set()

    converse(test)


def test_what_the_parser_refuses_ends_in_send_400_response() -> None:
    async def test(conversation: Conversation, respond: asyncio.Event) -> None:
        protocol = conversation.protocol
        await conversation.send(b"no HTTP\r\n\r\n")
        await conversation.until(lambda: protocol.transport.is_closing())
        assert refused == ["Invalid HTTP request received."]

    refused = []

    class Watched(HttpToolsProtocol):
        def send_400_response(self, msg: str) -> None:
            refused.append(msg)
            super().send_400_response(msg)

    converse(test, Watched)


def test_connection_uses_nothing_else_of_the_protocol() -> None:
    assert _used_of_base(Connection) <= set(PROTOCOL) | _of_asyncio()


def test_supervisor_uses_nothing_else_of_uvicorn_s() -> None:
    assert _used_of_base(Supervisor) <= set(SUPERVISOR)
    assert _used_of_base(Worker) <= set(WORKER)


def test_a_cycle_has_what_is_set_and_read() -> None:
    names = set(inspect.getsource(RequestResponseCycle.__init__).split())
    assert {f"self.{name}" for name in CYCLE} <= names


def test_uvicorn_calls_nothing_of_a_transport_that_ours_lacks() -> None:
    """OneWrite stands for the transport, and hands on only what uvicorn uses of it."""
    sources = map(inspect.getsource, (httptools_impl, flow_control, utils))
    called = set(re.findall(r"\btransport\.(\w+)\(", "".join(sources)))
    assert called >= {"write", "close", "is_closing"}
    written = inspect.getsource(OneWrite)
    has = set(re.findall(r"self\.(\w+) = transport\.", written)) | set(vars(OneWrite))
    assert called <= has


def test_flow_control_says_whether_reading_is_paused() -> None:
    async def run() -> None:
        ours, theirs = socket.socketpair()
        with closing(theirs):
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
            flow = FlowControl(transport)
            states = [flow.read_paused]
            flow.pause_reading()
            states.append(flow.read_paused)
            flow.resume_reading()
            states.append(flow.read_paused)
            assert states == [False, True, False]
            transport.close()

    asyncio.run(run())


@pytest.fixture
def handlers() -> Iterator[None]:
    """Give back the signal handlers that a supervisor takes."""
    kept = {number: signal.getsignal(number) for number in signal.valid_signals()}
    yield
    for number, handler in kept.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_the_supervisor_s_loop_calls_what_ours_replaces() -> None:
    called: list[str] = []

    class Watched(Multiprocess):
        def keep_subprocess_alive(self) -> None:
            called.append("keep_subprocess_alive")
            self.should_exit.set()

        def terminate_all(self) -> None:
            called.append("terminate_all")
            super().terminate_all()

    config = uvicorn.Config("none", workers=1, log_config=None)
    watched = Watched(config, sockets=[])
    assert all(hasattr(watched, name) for name in SUPERVISOR)
    assert (watched.config, watched.sockets, watched.processes) == (config, [], [])
    watched.processes_num = 0
    watched.run()
    assert called == ["keep_subprocess_alive", "terminate_all"]


def test_a_worker_has_what_is_asked_of_it() -> None:
    worker = Process(uvicorn.Config("none", log_config=None), [])
    assert all(hasattr(worker, name) for name in WORKER)
    assert (worker.pid, worker.exitcode, worker.process.is_alive()) == (None, None, False)
    worker.parent_conn.close()
    worker.child_conn.close()


def test_a_worker_that_can_t_start_exits_with_the_status_of_the_operations_guide() -> None:
    assert STARTUP_FAILURE == 3


# starlette


def test_an_upload_in_memory_is_read_without_a_thread() -> None:
    """`UploadFile` looks for an attribute of SpooledTemporaryFile, and reads others in a thread."""
    file = SpooledTemporaryFile[bytes]()
    upload = starlette.datastructures.UploadFile(file)  # type: ignore[arg-type]
    file.write(b"some bytes")
    file.seek(0)
    with pytest.raises(StopIteration) as done:
        upload.read().send(None)  # a coroutine that awaits nothing ends at once
    assert done.value.value == b"some bytes"
    file.close()


def test_static_files_are_served_by_file_response(tmp_path: Path) -> None:
    """Overridden for compressed assets."""
    (tmp_path / "a.txt").write_text("text")

    class Watched(StaticFiles):
        def file_response(self, *args: Any, **options: Any) -> Response:
            response = super().file_response(*args, **options)
            response.headers["seen"] = str(args[0]) if args else str(options["full_path"])
            return response

    answer = TestClient(Watched(directory=tmp_path)).get("/a.txt")
    assert answer.headers["seen"] == str(tmp_path / "a.txt")


# FastAPI


class SomeForm(BaseModel):
    size: int = 0


async def endpoint(request: Request, form: Annotated[SomeForm, Form()]) -> Response:
    return Response(str(form.size))


async def dependency() -> None:
    """Does nothing."""


def test_a_route_s_handle_and_handler_are_both_asked() -> None:
    """`handle` runs before anything is read; `get_route_handler` makes what reads the body."""
    called = []

    class Watched(APIRoute):
        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            called.append(f"handle {type(scope['app']).__name__} {'state' in scope}")
            await super().handle(scope, receive, send)

        def get_route_handler(self) -> Callable[[Request], Any]:
            handler = super().get_route_handler()

            async def handle(request: Request) -> Any:
                called.append(f"handler {request.scope['route'] is self}")
                return await handler(WithForm(request.scope, request.receive))

            return handle

    class WithForm(Request):
        async def form(self, **limits: Any) -> Any:  # type: ignore[override]
            return starlette.datastructures.FormData([("size", "7")])

    app = FastAPI()
    router = APIRouter(route_class=Watched)
    router.add_api_route("/", endpoint, methods=["POST"])
    app.include_router(router)
    assert TestClient(app).post("/", data={"size": "3"}).text == "7"
    assert called == ["handle FastAPI True", "handler True"]


def test_the_routes_of_an_app_tell_their_dependencies() -> None:
    app = FastAPI()
    router = APIRouter()
    router.add_api_route("/a", endpoint, methods=["POST"])
    app.include_router(router, prefix="/v1", dependencies=[Depends(dependency)])
    (context,) = iter_route_contexts(app.routes[-1:])
    assert isinstance(context, RouteContext)
    assert context.path == "/v1/a"
    assert context.original_route is router.routes[0]
    assert context.dependant is not None
    assert [inner.call for inner in context.dependant.dependencies] == [dependency]


def test_options_of_a_header_are_parsed_without_being_a_documented_name() -> None:
    """python-multipart exports its parsers, but not this function, which starlette uses too."""
    kind, options = parse_options_header('form-data; name="a\\"b"; filename="C:\\\\x.png"')
    assert (kind, options) == (b"form-data", {b"name": b'a"b', b"filename": b"x.png"})


# None begins with an underscore, and the versions are capped.


def test_nothing_with_an_underscore_is_used() -> None:
    used = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in (ROOT / "app").rglob("*.py")
        for name in _names_of_others(ast.parse(path.read_text()))
        if re.match(r"_(?!_)", name)
    }
    assert used == {("app/admission/threads.py", "_exit")}  # os._exit is documented


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_is_capped_at_the_next_minor(framework: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pattern = re.compile(rf"{framework}(\[\w+\])?>=(\d+)\.(\d+),<(\d+)\.(\d+)$")
    (found,) = filter(None, map(pattern.match, project["dependencies"]))
    major, minor, next_major, next_minor = map(int, found.groups()[1:])
    assert (next_major, next_minor) == (major, minor + 1)
    assert version(framework).startswith(f"{major}.{minor}.")


def _names_of_others(tree: ast.Module) -> Iterator[str]:
    """Yield attributes of other objects than self, and names imported from other packages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not _is_own(node.value):
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (node.module or "").split(".")
            yield from (alias.name for alias in node.names)


def _is_own(value: ast.expr) -> bool:
    """Whether an attribute is looked up on the object itself, its class or its superclass."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def _used_of_base(kind: type) -> set[str]:
    """Return the attributes that a class uses of its base class, by its source."""
    source = inspect.getsource(kind)
    own = set(re.findall(r"\bself\.(_\w+)", source))
    own |= {name for name in vars(kind) if not hasattr(kind.__base__, name)}
    used = set(re.findall(r"\b(?:self|super\(\))\.(\w+)", source))
    return used - own - {"__init__"}


def _of_asyncio() -> set[str]:
    return {name for name in vars(asyncio.Protocol) | vars(asyncio.BaseProtocol) if name[0] != "_"}
