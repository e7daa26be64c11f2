"""Download a file from an https address, with a progress bar and a limit on its size."""

import hashlib
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import urllib3
from tqdm import tqdm

from cutout.errors import Unreachable

MAX_BYTES = 2 << 30  # no single ONNX file is larger
MAX_REDIRECTS = 5  # redirects that are followed
CHUNK = 1 << 20  # bytes that are read at a time
SECONDS = urllib3.Timeout(connect=20, read=60)
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def download(address: str, target: Path, pool: urllib3.PoolManager, most: int = MAX_BYTES) -> None:
    """Download `address` to `target`, at most `most` bytes; every redirect must be to https too.

    Raises Unreachable, with nothing left of `target`, where it cannot be downloaded completely.
    """
    try:
        response = _open(address, pool)
        try:
            _copy(response, address, target, most)
        finally:
            response.release_conn()
    except urllib3.exceptions.HTTPError as error:
        target.unlink(missing_ok=True)
        raise Unreachable(f"{address}: {_cause(error)}") from error
    # Ctrl-C and a full disk too
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def digest(path: Path, kind: str) -> str:
    """Return the hexadecimal digest of a file; `kind` is `sha256` or `md5`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def _cause(error: urllib3.exceptions.HTTPError) -> str:
    """Return why a request failed, without the connection's own description and the address."""
    # Retries wrap the error that made them give up
    text = str(getattr(error, "reason", None) or error)
    return text.rpartition("): ")[2] if text.startswith("HTTP") else text


def _open(address: str, pool: urllib3.PoolManager) -> urllib3.BaseHTTPResponse:
    for _ in range(MAX_REDIRECTS):
        if urlsplit(address).scheme != "https":
            raise Unreachable(f"{address}: redirected to a URL that is not https")
        # redirects are followed here and not by urllib3, which would also follow them to http
        response = pool.request(
            "GET", address, redirect=False, preload_content=False, timeout=SECONDS, retries=2
        )
        if response.status not in REDIRECTS:
            if response.status != 200:
                raise Unreachable(
                    f"{address}: responded with status {response.status} {response.reason or ''}"
                )
            return response
        address = urljoin(address, response.headers.get("location", ""))
        response.release_conn()
    raise Unreachable(f"{address}: redirected more than {MAX_REDIRECTS} times")


def _copy(response: urllib3.BaseHTTPResponse, address: str, target: Path, most: int) -> None:
    announced = int(response.headers.get("content-length") or 0) or None
    if (announced or 0) > most:
        raise Unreachable(f"{address}: has {announced:,} bytes; the limit is {most:,}")
    written = 0
    bar = tqdm(total=announced, desc="downloading", unit="B", unit_scale=True, leave=False)
    with bar, target.open("wb") as file:
        for piece in response.stream(CHUNK):
            written += len(piece)
            # counted as well, as a server need not announce a length, nor the true one
            if written > most:
                raise Unreachable(f"{address}: has more than {most:,} bytes, the limit")
            file.write(piece)
            bar.update(len(piece))
