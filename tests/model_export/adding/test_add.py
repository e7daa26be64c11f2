"""`cutout models add`: what it fetches, what it refuses, and the bundle that comes of it."""

import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import pytest
import typer
import urllib3
from typer.testing import CliRunner

from cutout.errors import BundleError, DataError, OutputRefused, Unreachable
from cutout.inference.manifest import read_manifest
from docs.tables import ROOT, documents
from model_export.adding.command import check, cli, fetch
from model_export.adding.download import download
from model_export.adding.sources import Source, find_source
from model_export.bundle.import_spec import NOT_STATED
from tests.support.networks import write_convolutions
from tests.support.pairs import draw_pair

CERTIFICATE = ROOT / "tests" / "data" / "tls" / "images.example.pem"
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
BODY = b"onnx" * 1000


class Publisher(BaseHTTPRequestHandler):
    """Sends a file, less of it than announced, or callers on to where it must not."""

    def do_GET(self) -> None:
        moved = {"/moved": "/file", "/insecure": "http://127.0.0.1/file", "/round": "/round"}
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(404 if self.path == "/none" else 200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[:100] if self.path == "/short" else BODY)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def publisher() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def pool() -> Iterator[urllib3.PoolManager]:
    name = "images.example"
    with urllib3.PoolManager(
        ca_certs=str(CERTIFICATE), assert_hostname=name, server_hostname=name
    ) as pool:
        yield pool


@pytest.mark.parametrize("path", ["/file", "/moved"])
def test_a_file_is_fetched_whole(
    path: str, publisher: str, pool: urllib3.PoolManager, tmp_path: Path
) -> None:
    download(publisher + path, tmp_path / "file", pool)
    assert (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize(
    ("path", "most", "message"),
    [
        ("/insecure", 10_000, "a URL that is not https"),
        ("/round", 10_000, "redirected more than 5 times"),
        ("/none", 10_000, "responded with status 404"),
        ("/short", 10_000, "IncompleteRead|EOF"),
        ("/file", 3999, "has 4,000 bytes; the limit is 3,999"),
    ],
)
def test_what_is_not_there_whole_leaves_nothing(
    path: str,
    most: int,
    message: str,
    publisher: str,
    pool: urllib3.PoolManager,
    tmp_path: Path,
) -> None:
    with pytest.raises(Unreachable, match=message):
        download(publisher + path, tmp_path / "file", pool, most)
    assert not (tmp_path / "file").exists()


def test_a_server_that_cannot_prove_its_name_is_refused(publisher: str, tmp_path: Path) -> None:
    with urllib3.PoolManager() as strangers, pytest.raises(Unreachable, match="certificate"):
        download(f"{publisher}/file", tmp_path / "file", strangers)


def test_known_names_have_an_address_a_checksum_a_preset_and_terms() -> None:
    for name in ("isnet-general-use", "u2net", "u2netp", "silueta", "birefnet-general-lite"):
        source = find_source(name)
        assert str(source.address).startswith("https://github.com/danielgatis/rembg/releases/")
        assert re.fullmatch("[0-9a-f]{32}", str(source.md5))
        assert source.license
    assert find_source("u2net", terms="mine").license == "mine"


def test_files_and_addresses_are_named_by_their_file(tmp_path: Path) -> None:
    file = tmp_path / "silueta.onnx"
    file.touch()
    assert find_source(str(file)) == Source("silueta", "silueta", NOT_STATED, file=file)
    found = find_source("https://x.example/a/Net.onnx?b=c", preset="isnet")
    assert (found.name, found.preset, found.md5) == ("net", "isnet", None)
    for given, message in {
        "http://x.example/u2net.onnx": "only https",
        "https://x.example/net.onnx": "say how to feed it with --preset",
        "https://[x/net.onnx": "not a URL",
        "u2nett": r"did you mean u2netp?\?",
    }.items():
        with pytest.raises(DataError, match=message):
            find_source(given)


def test_checksums_decide_and_where_there_is_none_the_user_does(tmp_path: Path) -> None:
    file, asked = tmp_path / "x.onnx", list[str]()
    file.write_bytes(BODY)
    sha256, md5 = hashlib.sha256(BODY).hexdigest(), hashlib.md5(BODY).hexdigest()
    stated = Source("x", "u2net", "mine", address="https://x.example/x.onnx", md5=md5)
    unstated = Source("x", "u2net", "mine", address="https://x.example/x.onnx")
    check(stated, file, None, asked.append)
    check(unstated, file, sha256.upper(), asked.append)
    assert not asked
    check(unstated, file, None, asked.append)
    assert len(asked) == 1
    with pytest.raises(DataError, match=rf"sha256 is {sha256}, not 00"):
        check(stated, file, "00", asked.append)
    file.write_bytes(b"changed")
    with pytest.raises(DataError, match=f"the published one is {md5}; nothing was written"):
        check(stated, file, None, asked.append)


def test_a_file_becomes_a_bundle_when_its_terms_are_accepted(tmp_path: Path) -> None:
    file = write_convolutions(tmp_path / "u2netp.onnx", 320, half=False, **IMAGENET)
    out = tmp_path / "mine"
    command = [str(file), "--out", str(out), "--license", "as its maker says"]
    with pytest.raises(OutputRefused, match="nothing was written"):
        CliRunner().invoke(cli, command, input="n\n", catch_exceptions=False)
    assert not out.exists()
    done = CliRunner().invoke(cli, command, input="y\n", catch_exceptions=False)
    assert "terms of the weights: as its maker says" in done.stdout
    assert f"serve it: CUTOUT_MODELS={out} make serve" in done.stdout
    assert read_manifest(out).license == "as its maker says"
    with pytest.raises(OutputRefused, match="is there already"):
        CliRunner().invoke(cli, [*command, "--yes"], catch_exceptions=False)
    with pytest.raises(OutputRefused, match="no answer; --yes agrees"):
        CliRunner().invoke(cli, [*command, "--force"], input="", catch_exceptions=False)
    address = "https://x.example/u2netp.onnx"
    with pytest.raises(DataError, match="give --sha256"):
        CliRunner().invoke(cli, [address, "--yes"], catch_exceptions=False)
    with pytest.raises(DataError, match="--sha256 0123: a SHA-256 has 64 hexadecimal digits"):
        CliRunner().invoke(cli, [address, "--sha256", "0123"], catch_exceptions=False)
    with pytest.raises(BundleError, match=r"'My Net' is not a valid name .* give --name"):
        CliRunner().invoke(cli, [address, "--name", "My Net"], catch_exceptions=False)


def test_what_cannot_be_downloaded_can_be_brought_as_a_file(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening: a connection is refused
        nobody = f"https://127.0.0.1:{taken.getsockname()[1]}/u2netp.onnx"
        source = Source("u2netp", "u2netp", "mine", address=nobody)
        with pytest.raises(Unreachable) as refusal:
            fetch(source, tmp_path, urllib3.PoolManager())
    assert refusal.value.detail.count(nobody) == 1
    assert "Connection refused" in refusal.value.detail
    assert refusal.value.detail.endswith(
        "; or download the file elsewhere, and add it: cutout models add FILE --preset u2netp "
        "--name u2netp"
    )


def test_the_hint_for_another_size_can_be_followed(tmp_path: Path) -> None:
    file = write_convolutions(tmp_path / "small.onnx", 320, half=False, **IMAGENET)
    command = [str(file), "--out", str(tmp_path / "mine"), "--yes", "--preset", "isnet"]
    with pytest.raises(BundleError) as refusal:
        CliRunner().invoke(cli, command, catch_exceptions=False)
    told, _, hint = refusal.value.detail.partition("; try ")
    assert told.endswith("; the presets of this size are u2net; if none is meant")
    CliRunner().invoke(cli, [*command, *hint.split()], catch_exceptions=False)
    assert read_manifest(tmp_path / "mine").preprocess.size == 320


def test_in_8_bits_it_says_what_that_costs(tmp_path: Path) -> None:
    file = write_convolutions(tmp_path / "u2netp.onnx", 320, half=False, **IMAGENET)
    (tmp_path / "samples").mkdir()
    for number in range(4):
        cv2.imwrite(str(tmp_path / "samples" / f"{number}.png"), draw_pair(number)[0])
    command = [str(file), "--out", str(tmp_path / "mine"), "--yes", "--int8"]
    done = CliRunner().invoke(cli, [*command, str(tmp_path / "samples")], catch_exceptions=False)
    cost = re.search(r"an IoU of (\S+) with those in float32, and differ by (\S+) ", done.stdout)
    assert cost is not None
    assert float(cost[1]) > 0.95
    assert float(cost[2]) < 0.05
    manifest = read_manifest(tmp_path / "mine")
    assert manifest.model.precision == "uint8"
    assert "In 8 bits its masks have an IoU of" in manifest.description
    with pytest.raises(DataError, match="none: no such directory of sample images"):
        CliRunner().invoke(
            cli, [*command, str(tmp_path / "none"), "--force"], catch_exceptions=False
        )
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="0 images; --int8"):
        CliRunner().invoke(
            cli, [*command, str(tmp_path / "none"), "--force"], catch_exceptions=False
        )


def test_the_documents_show_options_that_it_has() -> None:
    known = {name for option in typer.main.get_command(cli).params for name in option.opts}
    shown = [
        line.partition("models add ")[2].partition("  #")[0].split()
        for document in documents()
        for line in document.read_text().splitlines()
        if ("cutout models add " in line and not line.startswith(("|", "- ")))
        or "cutout.cli models add " in line
    ]
    assert shown
    assert {word for words in shown for word in words if word.startswith("--")} <= known
