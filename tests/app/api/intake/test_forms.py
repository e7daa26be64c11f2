"""The two kinds of forms, whatever the pieces in which they arrive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import NamedTuple
from urllib.parse import quote_plus, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import UploadFile

from app.api.intake.forms import MAX_PARTS, parse_multipart, parse_urlencoded, unquote_large
from cutout.errors import MalformedRequest

TYPE = "multipart/form-data; boundary=b"
LARGE = frozenset({"large"})

names = st.text("abcdefgh-_.", min_size=1, max_size=20)
texts = st.binary(max_size=60).filter(lambda data: b"--b" not in data and not data.endswith(b"\r"))


class File(NamedTuple):
    """What became of a part with a file name."""

    filename: str | None
    content_type: str | None
    size: int | None
    data: bytes


def parse(
    body: bytes, pieces: int = 1000, content_type: str = TYPE
) -> list[tuple[str, str | File]]:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), pieces):
            yield body[start : start + pieces]

    async def read() -> list[tuple[str, str | File]]:
        async with AsyncExitStack() as stack:
            form = await parse_multipart(content_type, chunks(), LARGE)
            stack.push_async_callback(form.close)
            return [(name, await plain(value)) for name, value in form.multi_items()]

    async def plain(value: str | UploadFile) -> str | File:
        if isinstance(value, str):
            return value
        return File(value.filename, value.content_type, value.size, await value.read())

    return asyncio.run(read())


def part(name: str, data: bytes, filename: str | None = None, headers: str = "") -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    disposition = f'Content-Disposition: form-data; name="{name}"{file}\r\n'
    return f"--b\r\n{disposition}{headers}\r\n".encode() + data + b"\r\n"


@settings(deadline=None)
@given(st.lists(st.tuples(names, texts, st.none() | names), max_size=8), st.integers(1, 300))
def test_a_form_is_read_whatever_its_pieces(
    parts: list[tuple[str, bytes, str | None]], pieces: int
) -> None:
    body = b"".join(part(*entry) for entry in parts) + b"--b--\r\n"
    found = parse(body, pieces)
    assert [name for name, _ in found] == [name for name, _, _ in parts]
    for (_, value), (_, data, filename) in zip(found, parts, strict=True):
        if filename is None:
            assert value in (data.decode("utf-8", "replace"), data.decode("latin-1"))
        else:
            assert value == File(filename, None, len(data), data)


def test_a_file_keeps_its_content_type_and_may_be_large() -> None:
    data = bytes(range(256)) * 4096
    body = part("file", data, "x.png", "Content-Type: image/png\r\n") + b"--b--\r\n"
    assert parse(body) == [("file", File("x.png", "image/png", len(data), data))]


def test_a_large_text_comes_a_character_per_byte() -> None:
    data = bytes(range(256)) * 100
    assert parse(part("large", data) + b"--b--\r\n", 7) == [("large", data.decode("latin-1"))]


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"", "multipart/form-data", "names no boundary"),
        (b"", f"{TYPE}{'b' * 256}", "has 257 characters; the limit is 256"),
        (b"--x\r\n\r\n", TYPE, "byte 2 of the body fits neither the boundary"),
        (b"--b\n", TYPE, "byte 3 of the body"),
        (
            part("model", b"x", "x", "X: y\r\n" * 8) + b"--b--",
            TYPE,
            "at most 8 headers of 4224 bytes",
        ),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", TYPE, "no name"),
        (part("model", b"x"), TYPE, "ends within a part"),
        (part("model", b"x" * 8193) + b"--b--", TYPE, "more than 8192 bytes"),
        (part("m" * 101, b"x") + b"--b--", TYPE, "has 101 characters; the limit is 100"),
        (part("model", b"x") * (MAX_PARTS + 1) + b"--b--", TYPE, "more than 100 fields"),
        (part("file", b"x", "x") * (MAX_PARTS + 1) + b"--b--", TYPE, "more than 100 files"),
        (part("model", b"x") + b"--b--", f"{TYPE}; charset=utf-7", "charset 'utf-7'"),
    ],
)
def test_what_is_refused_says_why(body: bytes, content_type: str, told: str) -> None:
    with pytest.raises(MalformedRequest, match=told):
        parse(body, content_type=content_type)


def test_as_many_fields_and_files_as_allowed_are_read() -> None:
    body = part("model", b"x") * MAX_PARTS + part("file", b"x", "x") * MAX_PARTS + b"--b--"
    assert len(parse(body)) == 2 * MAX_PARTS


@settings(deadline=None)
@given(st.lists(st.tuples(names, st.text(max_size=40)), max_size=8))
def test_a_urlencoded_form_is_read_as_it_was_written(fields: list[tuple[str, str]]) -> None:
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in fields)
    assert parse_urlencoded(body.encode(), LARGE).multi_items() == fields


def test_a_long_name_is_refused_and_never_cut() -> None:
    longest = "\N{GRINNING FACE}" * 100
    assert parse_urlencoded(f"{quote_plus(longest)}=x".encode(), LARGE).multi_items() == [
        (longest, "x")
    ]
    with pytest.raises(MalformedRequest, match="has 101 characters; the limit is 100"):
        parse_urlencoded(f"{quote_plus(longest + longest)}=x".encode(), LARGE)


@settings(deadline=None)
@given(st.text("%4aFz+", max_size=80), st.integers(3, 20))
def test_a_large_value_is_decoded_like_a_small_one(text: str, size: int) -> None:
    whole = unquote_to_bytes(text.replace("+", " ").encode())
    assert unquote_large(text.encode(), size) == whole


def test_escapes_are_decoded_in_a_large_field() -> None:
    assert parse_urlencoded(b"large=%e4+%zz%&x=%C3%A4", LARGE).multi_items() == [
        ("large", "ä %zz%"),
        ("x", "ä"),
    ]
