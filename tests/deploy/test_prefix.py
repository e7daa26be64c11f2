"""The proxy of docs/operations.md, below a path: HAProxy's own binary before a live server."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest

from app.settings import Settings
from tests.support.chromium import CHROMIUM, DRIVER, Page, chromium
from tests.support.images import decoded, disc, encoded
from tests.support.live import live
from tests.support.paths import ROOT
from tests.support.service import eventually

DOCUMENT = (ROOT / "docs" / "operations.md").read_text()
LIMITS = "global\n    maxconn 100\ndefaults\n" + "".join(
    f"    timeout {name} 30s\n" for name in ("client", "connect", "server")
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port)):
        return True


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server below the path of the document, with a slash at its end."""
    haproxy = shutil.which("haproxy") or pytest.skip("needs haproxy")
    (example,) = re.findall(r"```haproxy\n(.*?)```", DOCUMENT, re.DOTALL)
    with live(Settings(threads=1)) as (address, _):
        port = free_port()
        config = example.replace("bind :80", f"bind 127.0.0.1:{port}")
        config = config.replace("127.0.0.1:8000", address.removeprefix("http://"))
        file = tmp_path_factory.mktemp("haproxy") / "haproxy.cfg"
        file.write_text(LIMITS + config)
        process = subprocess.Popen([haproxy, "-db", "-f", str(file)])
        try:
            eventually(lambda: answers(port))
            yield f"http://127.0.0.1:{port}/cutout/"
        finally:
            process.terminate()
            process.wait()


def test_the_schema_s_address_leads_to_the_calls(prefixed: str) -> None:
    read_at = urljoin(prefixed, "openapi.json")
    schema = httpx2.get(read_at).json()
    (server,) = schema["servers"]
    base = urljoin(read_at, server["url"])
    assert base == prefixed
    answer = httpx2.post(base.rstrip("/") + "/mask", files={"file": encoded(disc(96, 64))})
    assert answer.status_code == 200
    assert decoded(answer.content).shape == (64, 96)


def test_the_slash_is_added(prefixed: str) -> None:
    answer = httpx2.get(prefixed.rstrip("/"), follow_redirects=True)
    assert (answer.status_code, str(answer.url)) == (200, prefixed)


@pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="needs Chromium and its driver")
@pytest.mark.parametrize("docs", ["docs", "api"])
def test_the_api_docs_call_below_the_path(prefixed: str, tmp_path: Path, docs: str) -> None:
    with chromium(tmp_path) as driver:
        page = Page(driver, prefixed, tmp_path)
        page.open(docs)
        page.until(lambda: page.elements("#operations-health-readyz"))
        page.click("#operations-health-readyz .opblock-summary-control")
        page.until(lambda: page.elements(".execute"))
        page.click(".execute")
        page.until(lambda: page.elements(".live-responses-table"))
        assert page.text(".request-url pre") == f"{prefixed}readyz"
        assert page.text(".live-responses-table tbody .response-col_status") == "200"
        page.open()
        assert page.complaints() == []
