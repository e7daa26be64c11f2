"""Messages about invalid fields of a request, with how to send them correctly."""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from fastapi.exceptions import RequestValidationError
from pydantic.fields import FieldInfo
from starlette.datastructures import UploadFile
from starlette.requests import Request

from cutout.explain import MAX_SHOWN, explain
from cutout.options.names import unknown

Item = Mapping[str, Any]
"""One of `RequestValidationError.errors()`: type, loc, msg, input, ctx."""


def invalid_fields(error: RequestValidationError, request: Request) -> Iterator[tuple[str, str]]:
    """Yield the name of each invalid field, and why it is invalid."""
    known = _known(request)
    for item in error.errors():
        yield _name(item)[:MAX_SHOWN], _message(item, known, request.url.path)


def _known(request: Request) -> Mapping[str, FieldInfo]:
    """Return the form fields of the route by name; empty if it takes no form."""
    model = getattr(request.scope.get("route"), "form_model", None)
    fields: Mapping[str, FieldInfo] = getattr(model, "model_fields", {})
    return fields


def _name(item: Item) -> str:
    return ".".join(str(part) for part in item["loc"][1:]) or "body"


def _message(item: Item, known: Mapping[str, FieldInfo], path: str) -> str:
    name = _name(item)
    given = item["input"]
    takes_file = name in known and _takes_file(known[name])
    if item["type"] == "missing":
        if not takes_file:
            return "missing"
        return f"missing; send a file in multipart/form-data, as {_curl(name)} does"
    if item["type"] == "extra_forbidden":
        return _unknown(item, known, path)
    if takes_file and isinstance(given, str):
        shown = given[:MAX_SHOWN]
        hint = f"with curl, an @ sends the file of that name: {_curl(name, shown)}"
        return f"{shown!r} is text, not a file; {hint}"
    if isinstance(given, UploadFile) and not takes_file:
        return f"sent as a file, not as text; with curl, leave out the @: curl -F {name}=..."
    return explain(item, known[name].description if name in known else None)


def _unknown(item: Item, known: Mapping[str, FieldInfo], path: str) -> str:
    """Explain a field that the route does not have, and suggest the one that was meant."""
    name = _name(item)
    if item["loc"][0] == "query" and name in known:
        return f"send it as a form field, not in the query string: curl -F {name}=..."
    is_file = isinstance(item["input"], UploadFile)
    names = [other for other, field in known.items() if not is_file or _takes_file(field)]
    return unknown(name, names, path, "file" if is_file else "option")


def _takes_file(field: FieldInfo) -> bool:
    kinds = (field.annotation, *get_args(field.annotation))
    return any(isinstance(kind, type) and issubclass(kind, UploadFile) for kind in kinds)


def _curl(name: str, path: str = "image.jpg") -> str:
    return f"curl -F {name}=@{path}"
