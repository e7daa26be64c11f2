"""A running server as an engine: the native routes over HTTP/1.1, with the standard library alone."""

import http.client
import json
import ssl
import threading
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from cutout import errors
from cutout.cli.engine import Cutout
from cutout.errors import CutoutError, InvalidOption, InvalidUrl, Overloaded, RateLimited, Unauthorized, Unreachable
from cutout.inference.manifest import Manifest
from cutout.options import CutoutOptions, PredictOptions
from cutout.results import ModelList, Prediction

PATIENCE_SECONDS = 120
TRIES = 20
BUSY = (429, 503)


class ServerEngine:
    """Keeps a connection a thread. Waits and asks again where the server is overloaded or not ready yet."""

    def __init__(self, url: str, key: str | None = None) -> None:
        """`url` is the server's address, with the path it is served under where there is one. Raises InvalidUrl, and
        InvalidOption for a key that no header can hold."""
        if key and not key.isprintable():
            raise InvalidOption("the key has characters that no header can have")
        scheme, self._host, self._port, self._path = _address(url)
        self._url = url
        self._kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
        self._headers = {"Authorization": f"Bearer {key}".encode()} if key else {}
        self._threads = threading.local()
        self._connections: list[http.client.HTTPConnection] = []
        self._stopped = threading.Event()

    def cut_out(self, picture: bytes, options: CutoutOptions, background: bytes | None = None) -> Cutout:
        files = {"file": picture} | ({} if background is None else {"background_image": background})
        headers, body = self._post("/cutout", options.model_dump(mode="json", exclude_defaults=True), files)
        return Cutout(body, headers["content-type"], float(headers["x-coverage"]))

    def predict(self, picture: bytes, options: PredictOptions) -> Prediction:
        fields = options.model_dump(mode="json")
        return Prediction.model_validate_json(self._post("/predict", fields, {"file": picture})[1])

    def models(self) -> Sequence[Manifest]:
        return self._model_list().models

    def mask_model(self, name: str | None = None) -> Manifest:
        listed = self._model_list()
        wanted = name or listed.default_for_masks
        for manifest in listed.models:
            if manifest.name == wanted:
                return manifest
        raise errors.UnknownModel(f"no model {wanted!r} at {self._url}")

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self.stop()
        for connection in self._connections:
            connection.close()

    def _model_list(self) -> ModelList:
        return ModelList.model_validate_json(self._call("GET", "/models")[1])

    def _post(
        self, path: str, fields: Mapping[str, object], files: Mapping[str, bytes]
    ) -> tuple[Mapping[str, str], bytes]:
        boundary = uuid.uuid4().hex
        body = _multipart(boundary, fields, files)
        return self._call("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})

    def _call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[Mapping[str, str], bytes]:
        """The answer's headers, in lower case, and its body. Raises the error that the server's problem names."""
        for attempt in range(TRIES):
            status, answer, content = self._send(method, path, body, {**self._headers, **(headers or {})})
            if status == 200:
                return answer, content
            if status not in BUSY or self._stopped.wait(_seconds(answer, attempt)):
                break
        else:
            raise Overloaded(f"{self._url} was too busy {TRIES} times in a row")
        raise _problem(status, content, self._url)

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str | bytes]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Raises Unreachable. A connection that the server closed meanwhile is made anew, once."""
        kept: http.client.HTTPConnection | None = getattr(self._threads, "connection", None)
        if kept is not None:
            try:
                return _exchange(kept, method, self._path + path, body, headers)
            except (OSError, http.client.HTTPException):
                kept.close()
                self._connections.remove(kept)
        self._threads.connection = fresh = self._kind(self._host, self._port, timeout=PATIENCE_SECONDS)
        self._connections.append(fresh)
        try:
            return _exchange(fresh, method, self._path + path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            fresh.close()
            raise Unreachable(f"no answer from {self._url}: {_reason(error)}") from error


def _address(url: str) -> tuple[str, str, int | None, str]:
    """Scheme, host, port and path. Raises InvalidUrl."""
    try:
        parts = urlsplit(url)
        sendable = parts.path.isascii() and parts.path.isprintable() and " " not in parts.path
        if parts.scheme in ("http", "https") and parts.hostname and sendable:
            parts.hostname.encode("idna")
            return parts.scheme, parts.hostname, parts.port, parts.path.rstrip("/")
    except ValueError:  # a port that is no number, a bracket that is not closed, a name that no machine can have
        pass
    raise InvalidUrl(f"{url!r} is no address of a server; write it as http://HOST:PORT")


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return "what answers there does not speak TLS; is it http://?"
    if isinstance(error, TimeoutError):
        return f"nothing for {PATIENCE_SECONDS} s"
    if isinstance(error, http.client.BadStatusLine) and not isinstance(error, http.client.RemoteDisconnected):
        return "what answers there is no HTTP server"
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str | bytes],
) -> tuple[int, Mapping[str, str], bytes]:
    connection.request(method, path, body, dict(headers))
    response = connection.getresponse()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def _multipart(boundary: str, fields: Mapping[str, object], files: Mapping[str, bytes]) -> bytes:
    """A multipart/form-data body (RFC 7578). Fields that are None are left out."""
    parts: list[bytes] = []
    for name, value in fields.items():
        if value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            parts.append(_part(boundary, f'name="{name}"') + text.encode())
    parts += [_part(boundary, f'name="{name}"; filename="{name}"') + data for name, data in files.items()]
    return b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])


def _part(boundary: str, disposition: str) -> bytes:
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode()


def _seconds(answer: Mapping[str, str], attempt: int) -> float:
    """How long to wait: what the server says, and longer each time."""
    announced = answer.get("retry-after", "")
    return (int(announced) if announced.isdecimal() else 1) * min(1 + attempt / 4, 4)


def _problem(status: int, content: bytes, url: str) -> CutoutError:
    """The error that a problem (RFC 9457) names, of the class that it has here."""
    try:
        problem = json.loads(content)
        kind, detail = _by_code(CutoutError)[problem["code"]], str(problem["detail"])
        if issubclass(kind, Unauthorized):
            detail += "; on the command line: --api-key, or CUTOUT_API_KEY"
        return RateLimited(detail, 1) if issubclass(kind, RateLimited) else kind(detail)
    except (ValueError, KeyError, TypeError):
        return Unreachable(f"{url} answered {status}, and not as a cutout server does")


def _by_code(root: type[CutoutError]) -> dict[str, type[CutoutError]]:
    found = {root.code: root}
    for kind in root.__subclasses__():
        found |= _by_code(kind)
    return found
