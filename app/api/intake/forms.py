"""Forms: multipart/form-data and application/x-www-form-urlencoded, within limits.

Lengths are checked before anything else is done with a text that is too long. Files stay in memory:
the limit on the body bounds them, and the disk may be read-only.
"""

from collections.abc import AsyncIterable, Iterable, Iterator
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import unquote_plus, unquote_to_bytes

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MAX_BOUNDARY_LENGTH, parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile

from cutout.errors import MalformedRequest

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_TEXT_BYTES = 8 * 1024  # of a text field
MAX_PARTS = 100  # fields, and as many files
MAX_NAME = 100  # characters of a field's name
MAX_QUOTED = 12  # bytes of one character in %xx: four of UTF-8, three for each
# Both are python-multipart's defaults.
MAX_PART_HEADERS = 8  # of one part
MAX_PART_HEADER_BYTES = 4224  # of one part
SLICE = 64 * 1024  # bytes that are percent-decoded at a time

MALFORMED = "malformed multipart/form-data"
REMEDY = "let your HTTP client write the body and its Content-Type, as curl -F file=@image.jpg does"

CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1"})

Item = tuple[str, UploadFile | str]


async def parse_multipart(
    content_type: str, chunks: AsyncIterable[bytes], large_texts: frozenset[str]
) -> FormData:
    """Parse a multipart/form-data body as it arrives (RFC 7578).

    Fields named in `large_texts` may be longer than MAX_TEXT_BYTES; their values are decoded as
    Latin-1, one character per byte. Raises MalformedRequest where the body is malformed, or a field
    is too long or one too many.
    """
    form = _MultipartForm(content_type, large_texts)
    try:
        async for chunk in chunks:
            form.feed(chunk)
        return form.finish()
    except BaseException:  # a cancelled request's, too
        form.close()
        raise


def parse_urlencoded(body: bytes, large_texts: frozenset[str]) -> FormData:
    """Parse an application/x-www-form-urlencoded body (WHATWG URL, 5.1).

    Fields named in `large_texts` may be longer than MAX_TEXT_BYTES; their values are decoded as
    Latin-1, one character per byte. For a large body, to be called in a thread. Raises
    MalformedRequest where a field is too long or one too many.
    """
    pieces = body.split(b"&", MAX_PARTS)
    if len(pieces) > MAX_PARTS:
        raise MalformedRequest(f"the form has more than {MAX_PARTS} fields; send fewer")
    return FormData([_urlencoded(piece, large_texts) for piece in pieces if piece])


def is_left_empty(value: UploadFile | str) -> bool:
    """Tell whether this is how browsers send a field not filled in, or a file not chosen."""
    if isinstance(value, UploadFile):
        return value.filename == "" and value.size == 0
    return value == ""


def check_length(name: str, length: int, large_texts: Iterable[str] = ()) -> None:
    """Check that a field has no more than MAX_TEXT_BYTES; `length` is in bytes.

    Raises MalformedRequest where it has. `large_texts` are the fields that may be longer: where one
    of them takes base64, the error says so, as the sender of so long a text probably meant it.
    """
    if length <= MAX_TEXT_BYTES:
        return
    base64 = [field for field in large_texts if field.endswith("_b64")]
    hint = "send an image as a file, as curl -F file=@image.jpg does"
    if base64:
        file = base64[0].removesuffix("_b64")
        hint = f"send an image in base64 as {base64[0]}, or as a file: curl -F {file}=@image.jpg"
    raise MalformedRequest(f"the field {name!r} has more than {MAX_TEXT_BYTES} bytes; {hint}")


@dataclass
class _Part:
    """One part of a multipart body: a file if it has a file name, else a text field."""

    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    name: str = ""
    file: UploadFile | None = None
    text: bytearray = field(default_factory=bytearray)
    size: int = 0


class _MultipartForm:
    """A form, built by the callbacks of python-multipart's parser."""

    def __init__(self, content_type: str, large_texts: frozenset[str]) -> None:
        # Not documented, but what starlette uses: tests/app/server/test_private_names.py.
        options = parse_options_header(content_type)[1]
        self._charset = _charset(options)
        self._large_texts = large_texts
        self._items: list[Item] = []
        self._files = 0
        self._part = _Part()
        self._inside_part = False
        self._header_name = b""
        self._header_value = b""
        self._fed = 0
        self._parser = _parser(
            options,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._read_header_name,
                "on_header_value": self._read_header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._read_data,
                "on_part_end": self._end_part,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except MultipartParseError as error:
            raise _malformed(self._fed + error.offset) from error
        self._fed += len(chunk)

    def finish(self) -> FormData:
        if self._inside_part:
            raise MalformedRequest(
                f"{MALFORMED}: the body ends within a part, before the boundary that Content-Type "
                f"names; {REMEDY}"
            )
        return FormData(self._items)

    def close(self) -> None:
        """Close the files of a form that will not be finished."""
        values = [value for _, value in self._items]
        for value in (*values, self._part.file):
            if isinstance(value, UploadFile):
                value.file.close()

    # The parser's callbacks. Those with data may be called several times for one name or value.

    def _begin_part(self) -> None:
        self._part = _Part()
        self._inside_part = True

    def _read_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _read_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        self._part.headers.append((self._header_name.lower(), self._header_value))
        self._header_name = b""
        self._header_value = b""

    def _end_headers(self) -> None:
        part = self._part
        disposition = dict(part.headers).get(b"content-disposition", b"")
        options = parse_options_header(disposition)[1]
        if b"name" not in options:
            raise MalformedRequest(
                f"{MALFORMED}: a part has no name in its Content-Disposition; {REMEDY}"
            )
        part.name = self._decode(options[b"name"])
        _check_name(part.name)
        if b"filename" in options:
            part.file = _file(self._decode(options[b"filename"]), part.headers)
            self._files += 1
        self._check_count()

    def _read_data(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        part.size += end - start
        if part.file is not None:
            part.file.file.write(memoryview(data)[start:end])  # a view, as a slice would be a copy
            return
        if part.name not in self._large_texts:
            check_length(part.name, part.size, self._large_texts)
        part.text += data[start:end]

    def _end_part(self) -> None:
        self._inside_part = False
        self._items.append((self._part.name, self._value(self._part)))

    def _value(self, part: _Part) -> UploadFile | str:
        if part.file is not None:
            part.file.file.seek(0)
            part.file.size = part.size
            return part.file
        if part.name in self._large_texts:
            return part.text.decode("latin-1")
        return self._decode(part.text)

    def _decode(self, text: bytes | bytearray) -> str:
        try:
            return text.decode(self._charset)
        except UnicodeDecodeError:
            return text.decode("latin-1")

    def _check_count(self) -> None:
        """Count the parts so far, the current one included."""
        parts = len(self._items) + 1
        if self._files > MAX_PARTS or parts - self._files > MAX_PARTS:
            kind = "files" if self._files > MAX_PARTS else "fields"
            raise MalformedRequest(f"the form has more than {MAX_PARTS} {kind}; send fewer")


def _parser(options: dict[bytes, bytes], callbacks: "MultipartCallbacks") -> MultipartParser:
    if b"boundary" not in options:
        raise MalformedRequest(f"{MALFORMED}: Content-Type names no boundary; {REMEDY}")
    boundary = options[b"boundary"]
    # MultipartParser would raise another error than those that `feed` expects.
    if len(boundary) > MAX_BOUNDARY_LENGTH:
        raise MalformedRequest(
            f"{MALFORMED}: the boundary that Content-Type names has {len(boundary)} characters; "
            f"the limit is {MAX_BOUNDARY_LENGTH}"
        )
    return MultipartParser(
        boundary,
        callbacks,
        max_header_count=MAX_PART_HEADERS,
        max_header_size=MAX_PART_HEADER_BYTES,
    )


def _malformed(offset: int) -> MalformedRequest:
    """Make the error for a body that the parser refuses at a byte; its own words name states."""
    return MalformedRequest(
        f"{MALFORMED}: byte {offset} of the body fits neither the boundary that Content-Type names "
        f"nor a part with at most {MAX_PART_HEADERS} headers of {MAX_PART_HEADER_BYTES} bytes; "
        f"{REMEDY}"
    )


def _charset(options: dict[bytes, bytes]) -> str:
    """Raise MalformedRequest for a charset not in CHARSETS.

    Python has codecs that are slow, or fail in ways of their own; a client must not choose one.
    """
    charset = options.get(b"charset", b"utf-8").decode("latin-1").lower()
    if charset not in CHARSETS:
        raise MalformedRequest(f"the form's charset {charset[:20]!r} is not supported; send utf-8")
    return charset


def _file(filename: str, headers: list[tuple[bytes, bytes]]) -> UploadFile:
    # In memory: without max_size it never moves to the disk, and UploadFile reads it without a
    # thread, which it does not do for BytesIO.
    file = SpooledTemporaryFile[bytes]()
    return UploadFile(cast(BinaryIO, file), size=0, filename=filename, headers=Headers(raw=headers))


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME:
        shown = repr(f"{name[:20]}...")
        raise MalformedRequest(
            f"the field name {shown} has {len(name)} characters; the limit is {MAX_NAME}"
        )


def _urlencoded(piece: bytes, large_texts: frozenset[str]) -> tuple[str, str]:
    key, _, value = piece.partition(b"=")
    # Cut first, as decoding makes objects; what is left of a long name is too long all the same.
    name = unquote_plus(key[: MAX_QUOTED * (MAX_NAME + 1)].decode("latin-1"))
    _check_name(name)
    if name in large_texts:
        return name, unquote_large(value).decode("latin-1")
    # It decodes to at least a third of its bytes: a long one is refused undecoded.
    check_length(name, len(value) // 3, large_texts)
    text = unquote_plus(value.decode("latin-1"))
    check_length(name, len(text), large_texts)
    return name, text


def unquote_large(value: bytes, size: int = SLICE) -> bytes:
    """Decode `+` and %xx, `size` bytes at a time.

    `unquote_to_bytes` makes two objects of each %xx: all at once, 74 times the memory of a value
    that consists of them.
    """
    return b"".join(map(unquote_to_bytes, _slices(value.replace(b"+", b" "), size)))


def _slices(value: bytes, size: int) -> Iterator[bytes]:
    """Cut a value into slices of about `size` bytes, at least 3, but not within a %xx."""
    start = 0
    while start < len(value):
        end = start + size
        if end < len(value) and (percent := value.rfind(b"%", end - 2, end)) > start:
            end = percent
        yield value[start:end]
        start = end
