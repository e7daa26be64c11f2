"""Errors of pydantic and of the operating system as sentences that say what to change.

There is one set of sentences for settings, options, forms, configs and manifests: `explain` makes
one of an item of `ValidationError.errors()`, `explain_all` and `in_words` one for each.
"""

import errno
import json
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

MAX_SHOWN = 80  # characters of a value that a message shows

BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
    "multiple_of": ("multiple_of", "a multiple of"),
}
"""Type of error: the key of the bound in `ctx`, and the words before it."""

EXPECTED = {"enum": "expected", "literal_error": "expected", "union_tag_invalid": "expected_tags"}
"""Type of error: the key of the possible values in `ctx`."""

KINDS = {
    "int": "is not a whole number",
    "float": "is not a number",
    "bool": "is neither true nor false",
    "string": "is not text",
    "tuple": "is not a list, such as [1, 2]",
    "list": "is not a list, such as [1, 2]",
    "dict": "is not a table, such as { name = 1.0 }",
    "model": "is not a section with entries of its own",
    "int_parsing_size": "is out of range",
    "finite_number": "is not a finite number",
}
"""Type of error, or its first word if it is about the kind of a value: what is wrong."""

WRONG_KIND = ("_type", "_parsing", "_from_float")

INTERNAL = frozenset({"start"})
"""Sections of configs that only programs write; they are not suggested to people."""


def explain(item: Mapping[str, Any], description: str | None = None) -> str:
    """Explain an item of `ValidationError.errors()` as a clause; long values are shortened.

    `description`, the field's own, is shown instead of a regular expression.
    """
    kind = item["type"]
    context = item.get("ctx", {})
    given = _shown(item["input"])
    if kind == "value_error":
        # A ValueError of one of our validators: its text is a clause already.
        return str(context["error"])
    if kind in ("missing", "union_tag_not_found"):
        return "required"
    if kind == "extra_forbidden":
        return "unknown entry"
    if kind in BOUNDS:
        name, relation = BOUNDS[kind]
        return f"{given} is out of range: it must be {relation} {_number(context[name])}"
    if kind in EXPECTED:
        tag = _shown(context["tag"]) if "tag" in context else given
        return f"{tag} is not one of {context[EXPECTED[kind]]}"
    return _explain_shape(kind, context, given, description) or f"{given}: {_lower(item['msg'])}"


def explain_all(error: ValidationError) -> str:
    """Explain every item of an error, each after its location, in one line."""
    located = ((".".join(map(str, item["loc"])), explain(item)) for item in error.errors())
    return "; ".join(f"{location}: {text}" if location else text for location, text in located)


def in_words(error: ValidationError, model: type[BaseModel]) -> str:
    """Explain every invalid entry of a config, a line each: `section.key: what is wrong`.

    `model` is the config's class; its entries are suggested in place of unknown ones.
    """
    known = dict(_entries(model))
    explained: dict[str, list[str]] = {}
    for item in error.errors(include_url=False):
        key = _key(item, known)
        unknown = item["type"] == "extra_forbidden"
        # A union has an error for each of its branches; they become one line.
        explained.setdefault(key, []).append(_unknown(key, known) if unknown else explain(item))
    lines = ((f"{key}: " if key else "", ", or ".join(texts)) for key, texts in explained.items())
    return "\n".join(f"  {location}{text}" for location, text in lines)


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the name among `names` that may have been meant, None if none is similar enough.

    `cutoff` is the least similarity, 0 to 1. None too for a name too long to compare.
    """
    if len(name) > MAX_SHOWN:
        return None
    return next(iter(get_close_matches(name, list(names), 1, cutoff)), None)


def choices(annotation: Any) -> tuple[str, ...]:
    """Return the possible values of a field, or of its items; empty if they cannot be listed."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(str(member.value) for member in annotation)
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    return next(filter(None, map(choices, get_args(annotation))), ())


def explain_os_error(error: OSError) -> str:
    """Explain what is wrong with which file, as a clause."""
    # `filename` may also be bytes, or the number of a descriptor.
    name = error.filename if isinstance(error.filename, str) else str(error.filename or "")
    if error.errno == errno.ENOENT:
        return f"no such file or directory: {name}"
    if error.errno == errno.EISDIR:
        return f"{name} is a directory"
    return f"{name}: {_lower(error.strerror or str(error))}".removeprefix(": ")


def reason(error: OSError) -> str:
    """Explain why a file could not be read or written; the caller names the file."""
    if isinstance(error, FileNotFoundError):
        return "no such file or directory"
    return _lower(error.strerror or str(error))


def _explain_shape(
    kind: str, context: Mapping[str, Any], given: str, description: str | None
) -> str | None:
    """Explain a value of the wrong length, pattern or kind; None for any other error."""
    if kind in ("too_long", "too_short"):
        wanted = context.get("max_length", context.get("min_length"))
        if not context["actual_length"]:
            return "at least one value is required"
        return f"{given} has {context['actual_length']} values; it takes {wanted}"
    if kind == "string_pattern_mismatch":
        return f"{given}; expected: {description or context['pattern']}"
    if kind in KINDS:
        return f"{given} {KINDS[kind]}"
    wrong = KINDS.get(kind.partition("_")[0])
    return f"{given} {wrong}" if wrong and kind.endswith(WRONG_KIND) else None


def _entries(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every section and entry of a config, by its full name."""
    for name, field in model.model_fields.items():
        yield prefix + name, field
        for inner in _models_in(field.annotation):
            yield from _entries(inner, f"{prefix}{name}.")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _key(item: ErrorDetails, known: Mapping[str, FieldInfo]) -> str:
    """Return an entry's name as people write it.

    pydantic's location also names the branch of a union for which a value was tried.
    """
    parts: list[str] = []
    for index, part in enumerate(item["loc"]):
        field = known.get(".".join(name for name in parts if not name.isdecimal()))
        is_branch = field is not None and get_origin(field.annotation) in (Union, UnionType)
        is_last = index == len(item["loc"]) - 1
        is_named = ".".join([*parts, str(part)]) in known or isinstance(part, int)
        if not is_branch or is_named or (is_last and item["type"] == "extra_forbidden"):
            parts.append(str(part))
    if item["type"].startswith("union_tag"):
        parts.append(str(item["ctx"]["discriminator"]).strip("'"))
    return ".".join(parts)


def _unknown(key: str, known: Mapping[str, FieldInfo]) -> str:
    section, _, last = key.rpartition(".")
    if key in known:
        return f"no entry of this kind of {section}"
    others = [name for name in known if name.partition(".")[0] not in INTERNAL]
    same_name = [name for name in others if name.rpartition(".")[2] == last]
    suggested = next(iter(same_name), None) or nearest(key, others)
    if suggested:
        return f"no such entry; did you mean {suggested}?"
    inside = [name for name in others if name.rpartition(".")[0] == section]
    return f"no such entry; there are {', '.join(inside)}" if inside else "no such entry"


def _shown(value: object) -> str:
    """Show text in quotes, other values as JSON, which is TOML's notation too."""
    if isinstance(value, str):
        return repr(value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}...")
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _number(bound: float) -> str:
    return str(int(bound) if bound == int(bound) else bound)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
