"""Translation of remove.bg's fields to native options.

A value that the native options do not take is refused under the code that remove.bg has for its
field.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from cutout.errors import InvalidOption
from cutout.explain import MAX_SHOWN, choices
from cutout.options import Color, CutoutOptions, Format, Shadow

from .fields import BACKGROUND_IMAGES, BACKGROUNDS, Fields, Refusal, background_image, text_of
from .schemas import RemoveBgJson

MEGAPIXELS = {
    "preview": 0.25,
    "small": 0.25,
    "regular": 0.25,
    "500px": 0.25,
    "medium": 1.5,
    "hd": 4.0,
    "50mp": 50.0,
}
FULL = frozenset({"full", "4k", "auto"})
FULL_PNG = 10.0  # megapixels
FULL_OTHERS = 25.0
FORMATS = {
    "auto": Format.auto,
    "png": Format.png,
    "jpg": Format.jpeg,
    "webp": Format.webp,
    "zip": Format.zip,
}
SHADOWS = {
    "none": None,
    "auto": Shadow.soft,
    "drop": Shadow.soft,
    "3d": Shadow.contact,
    "car": Shadow.contact,
}
COARSE_TYPES = {
    "car_interior": "car",
    "car_part": "car",
    "transportation": "other",
    "graphics": "other",
}
TYPES = frozenset({"person", "product", "animal", "car", "other", *COARSE_TYPES})
TYPE_LEVELS = frozenset({"none", "1", "2", "latest"})
TRUE = ("true", "1", "yes", "on")
FALSE = ("false", "0", "no", "off")

# Native option -> the field it comes from, and the code for a value that it does not take.
REFUSALS = {
    "megapixels": ("size", "invalid_size"),
    "channels": ("channels", "invalid_channels"),
    "format": ("format", "invalid_format"),
    "roi": ("roi", "invalid_roi"),
    "margin": ("crop_margin", "invalid_crop_margin"),
    "scale": ("scale", "invalid_scale"),
    "position": ("position", "invalid_position"),
    "background": ("bg_color", "invalid_bg_color"),
}


@dataclass(frozen=True)
class Translated:
    """A request in native terms.

    `full` is how many megapixels size=full would have, `x_type` is the type of foreground to
    repeat, if any, and `ignored` names the fields that have no effect.
    """

    options: CutoutOptions
    full: float
    x_type: str | None
    ignored: tuple[str, ...]


def native_options(fields: Fields) -> Translated:
    """Translate the fields. Raises Refusal with the code of the first that is invalid."""
    texts = {name: value.strip() for name, value in fields.items() if isinstance(value, str)}
    if _flag(texts, "semitransparency", default="true") is None:
        raise Refusal("invalid_semitransparency", "semitransparency must be true or false")
    full = _full(texts, fields)
    native = {
        "megapixels": _megapixels(texts, full),
        "format": FORMATS.get(texts.get("format", "auto").lower(), ""),
        "channels": texts.get("channels", "rgba"),
        "roi": _spaced(texts["roi"]) if "roi" in texts else None,
        "crop": _flag(texts, "crop", default="false") or False,
        "margin": _margin(texts.get("crop_margin", "0")),
        "scale": _scale(texts.get("scale", "original")),
        "position": _position(texts),
        "background": _background(texts.get("bg_color")),
        "shadow": _shadow(texts),
    }
    try:
        options = CutoutOptions.model_validate(native)
    except ValidationError as error:
        raise _refusal(error, texts) from None
    _check_backgrounds(fields)
    return Translated(options, full, _x_type(texts), tuple(_without_effect(texts)))


def _refusal(error: ValidationError, texts: Mapping[str, str]) -> Refusal:
    invalid = {item["loc"][0] for item in error.errors()}
    native = next(name for name in REFUSALS if name in invalid)
    name, code = REFUSALS[native]
    field = RemoveBgJson.model_fields[name]
    expected = f"one of {', '.join(allowed)}" if (allowed := choices(field.annotation)) else None
    given = repr(texts.get(name, "")[:MAX_SHOWN])
    return Refusal(code, f"{name}: {given} is not valid; expected: {expected or field.description}")


def _flag(texts: Mapping[str, str], name: str, default: str) -> bool | None:
    """Read a flag; None if it says neither true nor false."""
    text = texts.get(name, default).lower()
    return True if text in TRUE else False if text in FALSE else None


def _without_effect(texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the fields that were sent without effect, unreadable ones included."""
    changes_nothing = {
        "type": texts.get("type", "auto") != "auto" and not _has_shadow_of_car(texts),
        "type_level": texts.get("type_level", "1") not in TYPE_LEVELS,
        "crop": _flag(texts, "crop", default="false") is None,
        "add_shadow": _flag(texts, "add_shadow", default="false") is None,
        "semitransparency": _flag(texts, "semitransparency", default="true") is False,
        "shadow_method": "shadow_method" in texts,
        "shadow_type": texts.get("shadow_type", "none").lower() not in SHADOWS,
        "shadow_opacity": "shadow_opacity" in texts,
    }
    return (name for name, without in changes_nothing.items() if without)


def _megapixels(texts: Mapping[str, str], full: float) -> float:
    """Return the limit of a size in megapixels; 0, which no option takes, for an unknown one."""
    size = texts.get("size", "preview").lower()
    return full if size in FULL else MEGAPIXELS.get(size, 0)


def _full(texts: Mapping[str, str], fields: Fields) -> float:
    """Return the limit of size=full in megapixels: lower for a result that may become a PNG."""
    form = texts.get("format", "auto").lower()
    is_png = form == "png" or (form == "auto" and not _is_opaque(fields))
    return FULL_PNG if is_png else FULL_OTHERS


def _spaced(text: str) -> str:
    """Turn `1,2px  3%` into `1px 2px 3%`: single spaces, and a bare number is pixels."""
    words = re.split(r"\s*[\s,]\s*", text.lower())
    # isascii: isdecimal also takes digits of other scripts.
    return " ".join(f"{word}px" if word.isdecimal() and word.isascii() else word for word in words)


def _margin(text: str) -> str:
    """Return the native margin; empty for a bare fraction, which is native but not remove.bg's."""
    return _spaced(text) if re.search(r"px|%|^\s*\d+\s*$|[\s,]", text.lower()) else ""


def _scale(text: str) -> float | None:
    """Return the scale as a fraction; 0, which no option takes, if it is unreadable."""
    if text == "original":
        return None
    return float(text[:-1]) / 100 if re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?%", text) else 0.0


def _position(texts: Mapping[str, str]) -> str | None:
    """Return the position; None for `original`: with a scale, both mean the middle."""
    position = _spaced(texts.get("position", "original"))
    return None if position == "original" else position


def _shadow(texts: Mapping[str, str]) -> Shadow | None:
    """Return the shadow: by `shadow_type`, or for `add_shadow` a soft one (cars: contact)."""
    if _has_shadow_of_car(texts):
        return Shadow.contact
    shadow = SHADOWS.get(texts.get("shadow_type", "none").lower())
    if shadow is None and _flag(texts, "add_shadow", default="false"):
        return Shadow.soft
    return shadow


def _has_shadow_of_car(texts: Mapping[str, str]) -> bool:
    """Tell whether `type` says what the shadow is like."""
    by_shadow_type = SHADOWS.get(texts.get("shadow_type", "none").lower())
    wanted = by_shadow_type is None and _flag(texts, "add_shadow", default="false")
    return bool(wanted) and texts.get("type") == "car"


def _background(color: str | None) -> str | None:
    """Return the background colour; None for one that is fully transparent.

    Empty for text that is not a colour, though it may be a native background: a blur is not
    remove.bg's.
    """
    try:
        return None if color is None or Color.parse(color).alpha == 0 else color
    except InvalidOption:
        return ""


def _is_opaque(fields: Fields) -> bool:
    """Tell whether nothing will be transparent in the result."""
    color = text_of(fields, "bg_color").strip()
    try:
        is_opaque_color = color != "" and Color.parse(color).alpha == 255
    except InvalidOption:
        is_opaque_color = False
    return background_image(fields) is not None or is_opaque_color


def _check_backgrounds(fields: Fields) -> None:
    visible = _background(text_of(fields, "bg_color") or None) is not None
    if visible + sum(name in fields for name in BACKGROUND_IMAGES) > 1:
        raise Refusal("multiple_bg_sources", f"send at most one of {', '.join(BACKGROUNDS)}")


def _x_type(texts: Mapping[str, str]) -> str | None:
    """Return the type that was requested, as finely as requested; the image is not examined."""
    level = texts.get("type_level", "1")
    asked = texts.get("type", "auto")
    if level == "none":
        return None
    kind = asked if asked in TYPES else "other"
    return kind if level in ("2", "latest") else COARSE_TYPES.get(kind, kind)
