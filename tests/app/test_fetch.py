"""Fetching what a stranger names: from public hosts, within limits, and never from anywhere
else."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest

from app.fetch import UrlFetcher, is_public, parse_url
from cutout.errors import DownloadFailed, InvalidUrl, TooSlow
from tests.support.internet import PRIVATE, PUBLIC, Names, fetcher, redirect, response, serving
from tests.support.paths import ROOT

IMAGE = bytes(range(256)) * 4
CERTIFICATE = ROOT / "tests" / "data" / "tls" / "images.example.pem"


def refused(job: Awaitable[bytes]) -> str:
    """The detail with which the download is refused."""

    async def run() -> bytes:
        return await job

    with pytest.raises(DownloadFailed) as caught:
        asyncio.run(run())
    return caught.value.detail


def test_a_image_is_fetched_from_the_checked_address_under_its_own_name() -> None:
    names = Names(images_example=[[PUBLIC]])

    async def job() -> tuple[bytes, list[str], int]:
        async with serving(response(IMAGE)) as server:
            url = f"http://Images.example:{server.port}/a%20b.png?x=1&y=ü"
            return await fetcher(names).fetch(url), server.heads, server.port

    body, heads, port = asyncio.run(job())
    assert body == IMAGE
    assert heads[0].startswith("GET /a%20b.png?x=1&y=%C3%BC HTTP/1.1\r\n")
    assert f"\r\nHost: images.example:{port}\r\n" in heads[0]
    assert names.asked == ["images.example"]  # once: the connection goes to what was checked


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_of_unannounced_length_is_read_to_its_end(chunked: bool) -> None:
    parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (IMAGE[:7], IMAGE[7:], b""))
    whole = (
        response(content_length="", transfer_encoding="chunked") + parts
        if chunked
        else response(content_length="") + IMAGE
    )

    async def job() -> bytes:
        async with serving(whole) as server:
            return await fetcher().fetch(f"http://images.example:{server.port}/")

    assert asyncio.run(job()) == IMAGE


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_redirects_are_followed(status: str) -> None:
    async def job() -> bytes:
        async with serving({"/": redirect("/b?c", status), "/b?c": response(IMAGE)}) as server:
            return await fetcher().fetch(f"http://images.example:{server.port}/")

    assert asyncio.run(job()) == IMAGE


@pytest.mark.parametrize("written", ["/b/猫.png", "/b/%E7%8C%AB.png"])
def test_a_redirect_may_be_written_in_utf_8(written: str) -> None:
    async def job() -> bytes:
        there = {"/": redirect(written), "/b/%E7%8C%AB.png": response(IMAGE)}
        async with serving(there) as server:
            return await fetcher().fetch(f"http://images.example:{server.port}/")

    assert asyncio.run(job()) == IMAGE


@pytest.mark.parametrize(
    "url",
    [
        "",
        "images.example/a.png",
        "//images.example/a.png",
        "ftp://images.example/a.png",
        "file:///etc/passwd",
        "gopher://images.example/",
        "data:image/png;base64,AAAA",
        "unix:///run/docker.sock",
        "http:///a.png",
        "http://user:secret@images.example/",
        "http://images.example@127.0.0.1/",
        "http://images.example:0/",
        "http://images.example:99999/",
        "http://images.example:port/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://images.example/a b",
        "http://images.example/\r\nX-Evil: 1",
        "http://images.example\\@127.0.0.1/",
        f"http://{'a' * 70}.example/",
        f"http://{'é.' * 130}example/",
        f"http://images.example/{'a' * 8200}",
    ],
)
def test_what_is_no_http_url_is_refused_before_anything_is_resolved(url: str) -> None:
    names = Names()
    with pytest.raises(InvalidUrl):
        asyncio.run(fetcher(names).fetch(url))
    assert names.asked == []


PRIVATE_ADDRESSES = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "168.63.129.16",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC_ADDRESSES = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
]


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_addresses_that_are_not_on_the_internet(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_addresses_that_are_on_the_internet(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "\uff11\uff12\uff17.0.0.1",
        "[::ffff:127.0.0.1]",
    ],
)
def test_no_spelling_of_loopback_gets_through_the_real_resolver(host: str) -> None:
    async def job() -> list[str]:
        async with serving(response(IMAGE)) as server:
            with pytest.raises(DownloadFailed):
                await UrlFetcher(1000, seconds=5, redirects=3).fetch(
                    f"http://{host}:{server.port}/"
                )
            return server.heads

    assert asyncio.run(job()) == []


@pytest.mark.parametrize(
    "answers",
    [
        [PRIVATE],
        ["10.0.0.1"],
        ["::1"],
        [PUBLIC, PRIVATE],  # one of them would be enough for an attacker who controls the order
        [PRIVATE, PUBLIC],
        [],
    ],
)
def test_names_of_private_addresses_are_refused_without_a_connection(answers: list[str]) -> None:
    async def job() -> None:
        async with (
            serving(response(IMAGE)) as near,
            serving(response(IMAGE), PRIVATE) as private,
        ):
            for port in (near.port, private.port):
                with pytest.raises(DownloadFailed) as caught:
                    await fetcher(Names(inside_example=[answers])).fetch(
                        f"http://inside.example:{port}/"
                    )
                assert caught.value.detail == "the URL's host has no public address"
            assert near.heads == private.heads == []

    asyncio.run(job())


def test_an_unknown_name_and_a_private_one_get_the_same_answer() -> None:
    names = Names(inside_example=[[PRIVATE]])
    details = {
        refused(fetcher(names).fetch(f"http://{name}.example/")) for name in ("inside", "nowhere")
    }
    assert len(details) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{private}/",
        "http://inside.example:{private}/",
        "//inside.example:{private}/",
        "http://[::1]:{private}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "ftp://images.example/",
        "http://user@images.example/",
        "//[",
        "http://images.example:99999/",
    ],
)
def test_a_redirect_is_checked_like_the_first_url(location: str) -> None:
    names = Names(
        images_example=[[PUBLIC]],
        inside_example=[[PRIVATE]],
        **{"127_0_0_2": [[PRIVATE]], "169_254_169_254": [["169.254.169.254"]], "::1": [["::1"]]},
    )

    async def job() -> list[str]:
        async with serving(response(IMAGE), PRIVATE) as private:
            async with serving(redirect(location.format(private=private.port))) as server:
                with pytest.raises(DownloadFailed):
                    await fetcher(names).fetch(f"http://images.example:{server.port}/")
                assert len(server.heads) == 1
            return private.heads

    assert asyncio.run(job()) == []


def test_a_name_that_is_rebound_between_two_hops_is_refused() -> None:
    names = Names(images_example=[[PUBLIC], [PRIVATE]])

    async def job() -> tuple[str, list[str]]:
        async with serving({"/": redirect("/second")}) as server:
            with pytest.raises(DownloadFailed) as caught:
                await fetcher(names).fetch(f"http://images.example:{server.port}/")
            return caught.value.detail, server.heads

    detail, heads = asyncio.run(job())
    assert detail == "the URL's host has no public address"
    assert len(heads) == 1


def test_a_name_that_is_rebound_after_the_check_changes_nothing() -> None:
    names = Names(images_example=[[PUBLIC], [PRIVATE]])

    async def job() -> bytes:
        async with serving(response(IMAGE)) as server:
            return await fetcher(names).fetch(f"http://images.example:{server.port}/")

    assert asyncio.run(job()) == IMAGE
    assert names.asked == ["images.example"]


def test_the_next_address_is_tried_where_the_first_takes_no_connection() -> None:
    async def job() -> bytes:
        async with serving(response(IMAGE)) as server:
            names = Names(images_example=[[PRIVATE, PUBLIC]])
            both = UrlFetcher(10_000, 5, 0, names, is_public=lambda address: True)
            return await both.fetch(f"http://images.example:{server.port}/")

    assert asyncio.run(job()) == IMAGE


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(response(content_length="", transfer_encoding="chunked"))
    while True:
        writer.write(b"2710\r\n" + bytes(10_000) + b"\r\n")
        await writer.drain()


async def _forever(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _stuck_in_the_body(writer: asyncio.StreamWriter) -> None:
    writer.write(response(content_length="1000") + b"a few bytes")
    await asyncio.Event().wait()


async def _stuck_in_the_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (response(content_length="100001"), "exceeds 100000 bytes"),
        (response(b"x" * 100_001, content_length="") + b"more", "exceeds 100000 bytes"),
        (_endless, "exceeds 100000 bytes"),
        (_forever, "within 0.3 s"),
        (_stuck_in_the_body, "within 0.3 s"),
        (_stuck_in_the_head, "within 0.3 s"),
        (response(b"x" * 10, content_length="1000"), "broke the connection"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000, "broke the connection"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "broke the connection"),
        (b"", "broke the connection"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            "broke the connection",
        ),
        (response(IMAGE, content_encoding="gzip"), "compressed"),
        (response(status="404 Not Found"), "has status 404"),
        (response(status="500 Oops"), "has status 500"),
        (response(status="302 Found"), "has status 302"),
        (redirect("/"), "redirects more than 3 times"),
    ],
)
def test_huge_slow_and_broken_answers_end_soon(
    answer: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]], words: str
) -> None:
    async def job() -> bytes:
        async with serving(answer) as server:
            return await fetcher(seconds=0.3 if "within" in words else 20).fetch(
                f"http://images.example:{server.port}/"
            )

    assert words in refused(job())


def test_the_request_s_own_deadline_counts_where_it_is_nearer() -> None:
    async def job() -> bytes:
        async with serving(_forever) as server:
            return await fetcher(seconds=60).fetch(
                f"http://images.example:{server.port}/", seconds=0.1
            )

    with pytest.raises(TooSlow):
        asyncio.run(job())


def test_a_port_where_nobody_listens_is_refused() -> None:
    with socket.socket() as taken:
        taken.bind((PUBLIC, 0))
        assert "unreachable" in refused(
            fetcher().fetch(f"http://images.example:{taken.getsockname()[1]}/")
        )


def _certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)
    return server, ssl.create_default_context(cafile=str(CERTIFICATE))


def test_https_shows_and_checks_the_name_of_the_url_not_the_address() -> None:
    server_tls, client_tls = _certificates()
    shown: list[str | None] = []
    server_tls.sni_callback = lambda _, name, __: shown.append(name)
    names = Names(images_example=[[PUBLIC]], other_example=[[PUBLIC]])

    async def job() -> bytes:
        async with serving(response(IMAGE), tls=server_tls) as server:
            with pytest.raises(DownloadFailed):
                await fetcher(names, tls=client_tls).fetch(f"https://other.example:{server.port}/")
            return await fetcher(names, tls=client_tls).fetch(
                f"https://images.example:{server.port}/"
            )

    assert asyncio.run(job()) == IMAGE
    assert shown == ["other.example", "images.example"]


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    server_tls, _ = _certificates()

    async def job() -> bytes:
        async with serving(response(IMAGE), tls=server_tls) as server:
            return await fetcher().fetch(f"https://images.example:{server.port}/")

    assert "unreachable" in refused(job())


def test_default_ports_are_left_out_of_the_host_header() -> None:
    assert parse_url("https://images.example/").authority == "images.example"
    assert parse_url("https://images.example:443").authority == "images.example"
    assert parse_url("http://[2606:4700::1]:81/").authority == "[2606:4700::1]:81"
