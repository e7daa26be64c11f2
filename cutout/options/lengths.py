"""Places in a picture as callers write them: `30px`, `10%`, `10% 20% 90% 100%`, `center`."""

import re
from dataclasses import dataclass

from cutout.errors import InvalidOption, RegionEmpty, RegionOutOfBounds

_PERCENT = r"(?:100|\d{1,2}(?:\.\d{1,4})?)%"
_LENGTH = rf"(?:{_PERCENT}|\d{{1,5}}px|0)"
_ROOM = r"(?:(?:50|[1-4]?\d(?:\.\d{1,4})?)%|(?:500|[1-4]?\d{1,2})px|0)"
REGION = rf"^{_LENGTH}(?:[ ,]{_LENGTH}){{3}}$"
MARGINS = rf"^(?:0\.\d{{1,4}}|{_ROOM}(?:[ ,]{_ROOM}(?:[ ,]{_ROOM}[ ,]{_ROOM})?)?)$"
POSITION = rf"^(?:original|center|{_PERCENT}(?:[ ,]{_PERCENT})?)$"


@dataclass(frozen=True)
class Length:
    """So many pixels, or a share of a side, 0 to 1."""

    pixels: int = 0
    share: float = 0.0

    def of(self, side: int) -> int:
        """In whole pixels of a side that is `side` pixels long."""
        return self.pixels + round(self.share * side)


@dataclass(frozen=True)
class Region:
    """The rectangle between two corners."""

    left: Length
    top: Length
    right: Length
    bottom: Length

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) in pixels, the last two exclusive. Raises RegionOutOfBounds or RegionEmpty."""
        left, top, right, bottom = (
            self.left.of(width),
            self.top.of(height),
            self.right.of(width),
            self.bottom.of(height),
        )
        if max(left, right) > width or max(top, bottom) > height:
            raise RegionOutOfBounds(f"the region of interest reaches beyond the picture's {width} x {height} pixels")
        if left >= right or top >= bottom:
            raise RegionEmpty("the region of interest has no pixel")
        return left, top, right, bottom


@dataclass(frozen=True)
class Margins:
    """Room around something: each side's own, as a share of its width or height, or all as a share of the longer."""

    top: Length
    right: Length
    bottom: Length
    left: Length
    of_longer_side: bool = False

    def around(self, width: int, height: int) -> tuple[int, int, int, int]:
        """(top, right, bottom, left) in pixels, around something `width` x `height` pixels large."""
        across, along = (max(width, height),) * 2 if self.of_longer_side else (width, height)
        return self.top.of(along), self.right.of(across), self.bottom.of(along), self.left.of(across)


def parse_region(text: str) -> Region:
    """`x1 y1 x2 y2`, each `%` of the width or height, `px`, or 0. Raises InvalidOption."""
    _check(REGION, text, "a region; write it as x1 y1 x2 y2, each in px or %")
    return Region(*_lengths(text))


def parse_margins(text: str) -> Margins:
    """One, two (above and below, sides) or four (clockwise from the top) of `30px` and `10%`; or `0.05`, a share of
    the longer side. At most 500px or 50%. Raises InvalidOption."""
    _check(MARGINS, text, "a margin; write it as 30px or 10%, one, two or four of them, at most 500px or 50%")
    if re.fullmatch(r"0\.\d+", text):
        return Margins(*(Length(share=float(text)),) * 4, of_longer_side=True)
    lengths = _lengths(text)
    top, right, bottom, left = (lengths * 4)[:4] if len(lengths) < 4 else lengths
    return Margins(top, right, bottom, left)


def parse_position(text: str) -> tuple[float, float] | None:
    """Shares of the free room at the left and above: `center`, `p%`, `x% y%`; None for `original`.

    Raises InvalidOption.
    """
    _check(POSITION, text, "a position; write it as original, center, 50% or 10% 90%")
    if text in ("original", "center"):
        return (0.5, 0.5) if text == "center" else None
    shares = [length.share for length in _lengths(text)]
    return shares[0], shares[-1]


def _check(pattern: str, text: str, what: str) -> None:
    if not re.fullmatch(pattern, text):
        raise InvalidOption(f"{text!r} is not {what}")


def _lengths(text: str) -> list[Length]:
    return [
        Length(share=float(word[:-1]) / 100) if word.endswith("%") else Length(int(word.removesuffix("px")))
        for word in re.split("[ ,]", text)
    ]
