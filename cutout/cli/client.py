"""A running server as an engine: the native routes over HTTP/1.1."""

import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError
from urllib3.exceptions import TimeoutError as TimedOut
from urllib3.filepost import encode_multipart_formdata

from cutout import errors
from cutout.cli.engine import Cutout
from cutout.errors import (
    CutoutError,
    InvalidOption,
    InvalidUrl,
    Overloaded,
    RateLimited,
    RequestFailed,
    Unauthorized,
    Unreachable,
)
from cutout.inference.manifest import Manifest
from cutout.options import CutoutOptions, PredictOptions
from cutout.results import ModelList, Prediction

TIMEOUT_SECONDS = 120  # to connect, and between two reads
TRIES = 20
BUSY = (429, 503)
CONNECTIONS = 256  # kept open at most; each thread uses one


class ServerEngine:
    """An engine that sends images to a server; it waits and retries while that is overloaded."""

    def __init__(self, url: str, key: str | None = None) -> None:
        """Prepare connections to a server; `url` is its address, with its path if it has one.

        Raises InvalidUrl where that is not an address, and InvalidOption for a key that cannot be
        sent in a header.
        """
        if key and not key.isprintable():
            raise InvalidOption("the API key has characters that are not allowed in a header")
        scheme, host, port, self._path = _address(url)
        pool = urllib3.HTTPSConnectionPool if scheme == "https" else urllib3.HTTPConnectionPool
        # `retries=False` also turns off redirects, which could lead the key elsewhere.
        self._pool = pool(host, port, maxsize=CONNECTIONS, timeout=TIMEOUT_SECONDS, retries=False)
        self._url = url
        self._headers: dict[str, str] = {}
        if key:  # header values are Latin-1 text; the key's bytes are those of UTF-8
            self._headers["Authorization"] = f"Bearer {key}".encode().decode("latin-1")
        self._stopped = threading.Event()

    def cut_out(
        self,
        image: bytes,
        options: CutoutOptions,
        background: bytes | None = None,
        given: bytes | None = None,
    ) -> Cutout:
        """Cut out an image by `POST /cutout`.

        `background` is an image to put behind, `given` a mask by the caller. Raises the error that
        the server names, Overloaded after TRIES tries, RequestFailed where the server does not
        respond to this request alone, and Unreachable where it does not respond at all.
        """
        optional = {"background_image": background, "mask": given}
        files = {"file": image} | {
            name: data for name, data in optional.items() if data is not None
        }
        fields = options.model_dump(mode="json", exclude_defaults=True)
        response = self._post("/cutout", fields, files)
        headers = response.headers
        with self._expected():
            return Cutout(
                response.data,
                headers["content-type"],
                float(headers["x-coverage"]),
                int(headers.get("x-frames-dropped", 0)),
            )

    def predict(self, image: bytes, options: PredictOptions) -> Prediction:
        """Score an image by `POST /predict`.

        Raises the error that the server names, Overloaded after TRIES tries, RequestFailed where
        the server does not respond to this request alone, and Unreachable where it does not respond
        at all.
        """
        response = self._post("/predict", options.model_dump(mode="json"), {"file": image})
        with self._expected():
            return Prediction.model_validate_json(response.data)

    def models(self) -> Sequence[Manifest]:
        """Return the manifests of the server's models.

        Raises Unreachable where it does not respond.
        """
        return self._model_list().models

    def mask_model(self, name: str | None = None) -> Manifest:
        """Return the manifest of the model that `cut_out` uses.

        Raises UnknownModel where the server has none of that name, and Unreachable where it does
        not respond.
        """
        listed = self._model_list()
        wanted = name or listed.default_for_masks
        for manifest in listed.models:
            if manifest.name == wanted:
                return manifest
        raise errors.UnknownModel(f"no model {wanted!r} at {self._url}")

    def stop(self) -> None:
        """End every wait between two tries; requests that wait then fail."""
        self._stopped.set()

    def close(self) -> None:
        """Stop, and close the connections."""
        self.stop()
        self._pool.close()

    def _model_list(self) -> ModelList:
        response = self._call("GET", "/models")
        with self._expected():
            return ModelList.model_validate_json(response.data)

    @contextmanager
    def _expected(self) -> Iterator[None]:
        """Raise Unreachable where a response is not what this server sends."""
        try:
            yield
        # pydantic's ValidationError is a ValueError.
        except (KeyError, ValueError) as error:
            raise Unreachable(
                f"{self._url} is not a cutout server: it responded with status 200, but not with "
                "what was asked for"
            ) from error

    def _post(
        self, path: str, fields: Mapping[str, object], files: Mapping[str, bytes]
    ) -> urllib3.BaseHTTPResponse:
        texts = {name: _text(value) for name, value in fields.items() if value is not None}
        # With a file name, without which a part is a text field.
        parts = {name: (name, data) for name, data in files.items()}
        body, content_type = encode_multipart_formdata({**texts, **parts})
        try:
            return self._call("POST", path, body, {"Content-Type": content_type})
        except Unreachable as error:
            # One image may crash a worker, or be too large for a proxy; the next one need not.
            if self._is_there():
                raise RequestFailed(error.detail) from error
            raise

    def _is_there(self) -> bool:
        try:
            self._model_list()
        except CutoutError:
            return False
        return True

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """Send a request until it is not refused for overload.

        Raises the error that the server's problem names, or Unreachable.
        """
        for attempt in range(TRIES):
            response = self._send(method, path, body, {**self._headers, **(headers or {})})
            if response.status == 200:
                return response
            # Not urllib3's Retry, whose wait could not be ended by `stop`.
            if response.status not in BUSY or self._stopped.wait(_seconds(response, attempt)):
                break
        else:  # no `break`: every try was refused for overload
            raise Overloaded(f"{self._url} was overloaded; gave up after {TRIES} tries")
        raise _problem(response, self._url)

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """Send a request, once more if its connection breaks: the server may just have closed it.

        Raises Unreachable where there is no response.
        """
        target = self._path + path
        try:
            try:
                return self._pool.request(method, target, body=body, headers=headers)
            except ProtocolError:
                return self._pool.request(method, target, body=body, headers=headers)
        except HTTPError as error:
            raise Unreachable(f"no response from {self._url}: {_reason(error)}") from error


def _address(url: str) -> tuple[str, str, int | None, str]:
    """Return scheme, host, port and path. Raises InvalidUrl."""
    try:
        parts = urlsplit(url)
        path = parts.path
        sendable = path.isascii() and path.isprintable() and " " not in path
        if parts.scheme in ("http", "https") and parts.hostname and sendable:
            host = parts.hostname.encode("idna").decode()
            # `urlsplit` takes off the brackets of an IPv6 address.
            literal = f"[{host}]" if ":" in host else host
            return parts.scheme, literal, parts.port, path.rstrip("/")
    except ValueError:  # an invalid port, an unclosed bracket, a name too long
        pass
    raise InvalidUrl(f"{url!r} is not the address of a server; write it as http://HOST:PORT")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reason(error: HTTPError) -> str:
    """Explain why there was no response, by the error that urllib3 wraps."""
    for cause in _causes(error):
        # Subclasses first: of SSLError, and RemoteDisconnected of BadStatusLine.
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        if isinstance(cause, ssl.SSLError):
            return "the server does not speak TLS; use http://"
        # urllib3 derives NewConnectionError, for a refused connection, from its timeouts.
        if isinstance(cause, TimedOut) and not isinstance(cause, NewConnectionError):
            return f"timeout after {TIMEOUT_SECONDS} s"
        if isinstance(cause, http.client.RemoteDisconnected):
            return "the server closed the connection"
        if isinstance(cause, http.client.BadStatusLine):
            return "not an HTTP server"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror[:1].lower() + cause.strerror[1:]
    return str(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps, in its arguments or as its cause."""
    yield error
    for wrapped in (*error.args, error.__cause__):
        if isinstance(wrapped, BaseException):
            yield from _causes(wrapped)


def _seconds(response: urllib3.BaseHTTPResponse, attempt: int) -> float:
    """Return how many seconds to wait: as the server says, and longer with each attempt."""
    announced = response.headers.get("retry-after", "")
    # A Retry-After may also be a date (RFC 9110 10.2.3); it counts as 1 s.
    return (int(announced) if announced.isdecimal() else 1) * min(1 + attempt / 4, 4)


def _problem(response: urllib3.BaseHTTPResponse, url: str) -> CutoutError:
    """Make the error that a problem (RFC 9457) names, of the class that it has here."""
    try:
        problem = json.loads(response.data)
        detail = str(problem["detail"])
        kind = _by_code(CutoutError).get(problem["code"])
        if kind is None:
            return Unreachable(f"{url} responded with status {response.status}: {detail}")
        if issubclass(kind, Unauthorized):
            detail += "; on the command line: --api-key, or CUTOUT_API_KEY"
        return RateLimited(detail, 1) if issubclass(kind, RateLimited) else kind(detail)
    except (ValueError, KeyError, TypeError):
        return Unreachable(
            f"{url} responded with status {response.status}, and not as a cutout server does"
        )


def _by_code(root: type[CutoutError]) -> dict[str, type[CutoutError]]:
    found = {root.code: root}
    for kind in root.__subclasses__():
        found |= _by_code(kind)
    return found
