"""Backgrounds, outlines and shadows as callers write them: `blur:12`, `8px #fff`, `soft`.

Each value is parsed once, where it comes in, and prints as the text that it was parsed from.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from cutout.errors import InvalidOption
from cutout.options.colors import COLOR, WHITE, Color

_PIXELS = r"(?:500|[1-4][0-9]{2}|[1-9][0-9]?)(?:px)?"
BLUR = rf"^blur:{_PIXELS}$"
BACKGROUND = rf"{COLOR}|{BLUR}"
OUTLINE = rf"^{_PIXELS}(?: {COLOR.removeprefix('^').removesuffix('$')})?$"


class Shadow(StrEnum):
    """The kind of a shadow: the subject's own shape, or only where it touches the ground."""

    soft = "soft"
    contact = "contact"


@dataclass(frozen=True)
class Blur:
    """A blur with a radius in pixels, which is about the standard deviation of a Gaussian."""

    radius: int
    text: str

    @classmethod
    def parse(cls, text: str) -> "Blur":
        """Parse `blur:12` or `blur:12px`, 1 to 500 pixels. Raises InvalidOption for other text."""
        if not re.fullmatch(BLUR, text):
            raise InvalidOption(f"{text!r} is not a blur; write it as blur:12, 1 to 500 pixels")
        return cls(_pixels(text.partition(":")[2]), text)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Outline:
    """A line around the subject, `width` pixels wide."""

    width: int
    color: Color
    text: str

    @classmethod
    def parse(cls, text: str) -> "Outline":
        """Parse `8px #fff`, 1 to 500 pixels, white without a colour.

        Raises InvalidOption where the text is not of that form.
        """
        width, _, color = text.partition(" ")
        if not re.fullmatch(_PIXELS, width):
            raise InvalidOption(
                f"{text!r} is not an outline; write it as 8px #fff, 1 to 500 pixels"
            )
        return cls(_pixels(width), Color.parse(color.strip()) if color else WHITE, text)

    def __str__(self) -> str:
        return self.text


def parse_background(text: str) -> Color | Blur:
    """Parse a colour, or a blur as `blur:12`. Raises InvalidOption for any other text."""
    if text.startswith("blur:"):
        return Blur.parse(text)
    try:
        return Color.parse(text)
    except InvalidOption as error:
        raise InvalidOption(f"{error.detail}, or blur the background by blur:12") from None


def parse_shadow(value: object) -> object:
    """Take true as soft and false as no shadow, as Python and forms write them; pass on others."""
    text = str(value).lower()
    return Shadow.soft if text == "true" else None if text in ("false", "none") else value


def _pixels(text: str) -> int:
    return int(text.removesuffix("px"))
