"""Options, settings and files in words for whoever types them: what can be chosen, and what is wrong with what was."""

import errno
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

LONGEST = 80
BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
"""pydantic's types of error: where the bound stands in `ctx`, and what it asks for"""
KINDS = {
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "int_parsing_size": "is out of range",
    "float_parsing": "is not a number",
    "finite_number": "is not a finite number",
    "bool_parsing": "is neither true nor false",
}


ABSENT = {"missing": "is missing", "extra_forbidden": "is not known here"}
"""What has no value to begin with"""


def explain(item: Mapping[str, Any], description: str | None = None) -> str:
    """An item of `ValidationError.errors()` as a clause that begins with what was given, cut where it is long.

    `description`, the field's own, says what is expected where pydantic would show a regular expression.
    """
    kind, context, given = item["type"], item.get("ctx", {}), _short(item["input"])
    if kind == "value_error":
        return str(context["error"])
    if kind in BOUNDS:
        name, relation = BOUNDS[kind]
        return f"{given!r} is out of range: it must be {relation} {_number(context[name])}"
    if kind == "too_short":
        return "nothing is named"
    if kind in ABSENT:
        return ABSENT[kind]
    if kind in ("enum", "literal_error"):
        return f"{given!r} is none of {context['expected']}"
    if kind == "string_pattern_mismatch" and description:
        return f"{given!r}; expected: {description}"
    return f"{given!r} {KINDS[kind]}" if kind in KINDS else str(item["msg"])


def explain_all(error: ValidationError) -> str:
    """Every item of an error, each after the place where it is, in one line."""
    places = ((".".join(map(str, item["loc"])), item) for item in error.errors())
    return "; ".join(f"{place}: {explain(item)}" if place else explain(item) for place, item in places)


def choices(annotation: Any) -> tuple[str, ...]:
    """The values that a field of this type can have, or each item of it, where they can be counted; else none."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(str(member.value) for member in annotation)
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return next(filter(None, map(choices, get_args(annotation))), ())


def explain_os_error(error: OSError) -> str:
    """What is the matter with which file, as half a sentence."""
    name = error.filename if isinstance(error.filename, str) else str(error.filename or "")
    if error.errno == errno.ENOENT:
        return f"no such file: {name}"
    if error.errno == errno.EISDIR:
        return f"{name} is a folder"
    reason = error.strerror or str(error)
    return f"{name}: {reason[:1].lower()}{reason[1:]}".removeprefix(": ")


def reason(error: OSError) -> str:
    """Why a file could not be read or written; which file it is, the caller says."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def _short(given: object) -> str:
    text = str(given)
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def _number(bound: float) -> str:
    return str(int(bound) if bound == int(bound) else bound)
