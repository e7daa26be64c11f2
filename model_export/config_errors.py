"""What pydantic finds wrong with a config, one entry a line, in words that say what to change."""

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from cutout.explain import BOUNDS

LIMITS = {**BOUNDS, "multiple_of": ("multiple_of", "a multiple of")}
KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list, as [1, 2]",
    "list": "a list, as [1, 2]",
    "dict": "a table, as { name = 1.0 }",
    "model": "a section, which has entries of its own",
}


def in_words(error: ValidationError, model: type[BaseModel]) -> str:
    """A line `section.key: what is wrong; what to do` for every entry of `model` that is not as it should be."""
    known = dict(_entries(model))
    told: dict[str, list[str]] = {}
    for details in error.errors(include_url=False):
        key = _key(details, known)
        told.setdefault(key, []).append(_message(details, key, known))
    lines = ((f"{key}: " if key else "", ", or ".join(messages)) for key, messages in told.items())
    return "\n".join(f"  {place}{message}" for place, message in lines)


def _entries(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every section and entry by its whole name."""
    for name, field in model.model_fields.items():
        yield prefix + name, field
        for inner in _models_in(field.annotation):
            yield from _entries(inner, f"{prefix}{name}.")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _key(details: ErrorDetails, known: Mapping[str, FieldInfo]) -> str:
    """The entry's name as the user writes it: pydantic's place without the branch of a union that it was tried as."""
    parts: list[str] = []
    for place, part in enumerate(details["loc"]):
        field = known.get(".".join(name for name in parts if not name.isdecimal()))
        is_branch = field is not None and get_origin(field.annotation) in (Union, UnionType)
        is_last = place == len(details["loc"]) - 1
        is_named = ".".join([*parts, str(part)]) in known or isinstance(part, int)
        if not is_branch or is_named or (is_last and details["type"] == "extra_forbidden"):
            parts.append(str(part))
    if details["type"].startswith("union_tag"):
        parts.append(str(details["ctx"]["discriminator"]).strip("'"))
    return ".".join(parts)


def _message(details: ErrorDetails, key: str, known: Mapping[str, FieldInfo]) -> str:  # noqa: C901 - a flat list of kinds
    kind, context, given = details["type"], details.get("ctx", {}), _shown(details["input"])
    if kind == "extra_forbidden":
        return _unknown(key, known)
    if kind in ("missing", "union_tag_not_found"):
        return "it is missing; add it"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"{given} is none of its values: {context['expected']}"
    if kind == "union_tag_invalid":
        return f"{context['tag']!r} is none of its values: {context['expected_tags']}"
    if kind in LIMITS:
        name, words = LIMITS[kind]
        return f"{given} is out of range; it has to be {words} {context[name]:g}"
    if kind == "string_pattern_mismatch":
        return f"{given} does not fit; it has to match {context['pattern']}"
    if kind in ("too_long", "too_short"):
        wanted_length = context.get("max_length", context.get("min_length"))
        return f"{given} has {context['actual_length']} values; it takes {wanted_length}"
    wanted = KINDS.get(kind.split("_", maxsplit=1)[0])
    if wanted and kind.endswith(("_type", "_parsing", "_from_float")):
        return f"{given} is not {wanted}"
    return f"{given} does not fit: {details['msg'][0].lower()}{details['msg'][1:]}"


def _unknown(key: str, known: Mapping[str, FieldInfo]) -> str:
    section, _, last = key.rpartition(".")
    others = [name for name in known if name != key and not name.startswith("start")]
    if key in known:
        return f"no entry of this kind of {section}"
    same_name = [name for name in others if name.rpartition(".")[2] == last]
    nearest = same_name[:1] or get_close_matches(key, others, 1, 0.6)
    if nearest:
        return f"no such entry; did you mean {nearest[0]}?"
    inside = [name for name in others if name.rpartition(".")[0] == section]
    return f"no such entry; there are {', '.join(inside)}" if inside else "no such entry"


def _shown(value: Any) -> str:
    """A value as TOML has it, short."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
