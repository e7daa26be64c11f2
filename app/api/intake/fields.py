"""What is wrong with the fields of a request, in words that say what to do."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from fastapi.exceptions import RequestValidationError
from pydantic.fields import FieldInfo
from starlette.datastructures import UploadFile
from starlette.requests import Request

from cutout.explain import LONGEST, explain

Item = Mapping[str, Any]
"""One of `RequestValidationError.errors()`: type, loc, msg, input, ctx."""


def invalid_fields(error: RequestValidationError, request: Request) -> Iterator[tuple[str, str]]:
    """The name of each field that can't be used, and why."""
    known = _known(request)
    for item in error.errors():
        yield _name(item)[:LONGEST], _message(item, known, request.url.path)


def _known(request: Request) -> Mapping[str, FieldInfo]:
    """The fields of the form that the route takes, by name; none where it takes no form."""
    model = getattr(request.scope.get("route"), "form_model", None)
    fields: Mapping[str, FieldInfo] = getattr(model, "model_fields", {})
    return fields


def _name(item: Item) -> str:
    return ".".join(str(part) for part in item["loc"][1:]) or "body"


def _message(item: Item, known: Mapping[str, FieldInfo], path: str) -> str:
    name, given = _name(item), item["input"]
    takes_file = name in known and _takes_file(known[name])
    if item["type"] == "missing":
        return (
            f"missing; send a file in multipart/form-data, as {_curl(name)} does"
            if takes_file
            else "missing"
        )
    if item["type"] == "extra_forbidden":
        return _unknown(item, known, path)
    if takes_file and isinstance(given, str):
        shown = given[:LONGEST]
        return f"{shown!r} is a text, not a file; with curl, an @ sends the file of that name: {_curl(name, shown)}"
    return explain(item, known[name].description if name in known else None)


def _unknown(item: Item, known: Mapping[str, FieldInfo], path: str) -> str:
    """For a field that the route does not have: which one may have been meant."""
    name, is_file = _name(item), isinstance(item["input"], UploadFile)
    if item["loc"][0] == "query" and name in known:
        return f"send it as a field of the form, not in the query string: curl -F {name}=..."
    names = [other for other, field in known.items() if not is_file or _takes_file(field)]
    nearest = (
        get_close_matches(name, names, 1) if len(name) <= LONGEST else []
    )  # it takes long for a long one
    kind = "file" if is_file else "option"
    return f"{path} has no such {kind}; " + (
        f"did you mean {nearest[0]}?" if nearest else f"it has {', '.join(names)}"
    )


def _takes_file(field: FieldInfo) -> bool:
    kinds = (field.annotation, *get_args(field.annotation))
    return any(isinstance(kind, type) and issubclass(kind, UploadFile) for kind in kinds)


def _curl(name: str, path: str = "picture.jpg") -> str:
    return f"curl -F {name}=@{path}"
