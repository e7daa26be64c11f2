"""Lengths and positions in an image as callers write them: `30px`, `10%`, `center`.

Each value is parsed once, where it comes in, and prints as the text that it was parsed from.
"""

import re
from dataclasses import dataclass

from cutout.errors import InvalidOption, RegionEmpty, RegionOutOfBounds
from cutout.imaging.box import Box, Point, Size

MAX_SIDE = 16384
"""The longest side of a result, in pixels."""
_PERCENT = r"(?:100|[0-9]{1,2}(?:\.[0-9]{1,4})?)%"
_LENGTH = rf"(?:{_PERCENT}|[0-9]{{1,5}}px|0)"
_ROOM = r"(?:(?:50|[1-4]?[0-9](?:\.[0-9]{1,4})?)%|(?:500|[1-4]?[0-9]{1,2})px|0)"
_POINT = rf"{_LENGTH}[ ,]{_LENGTH}(?: ?[+-])?"
POINTS = rf"^{_POINT}(?:; ?{_POINT}){{0,31}}$"
REGION = rf"^{_LENGTH}(?:[ ,]{_LENGTH}){{3}}$"
MARGINS = rf"^(?:0\.[0-9]{{1,4}}|{_ROOM}(?:[ ,]{_ROOM}(?:[ ,]{_ROOM}[ ,]{_ROOM})?)?)$"
_SIDE = r"[1-9][0-9]{0,4}"
CANVAS = rf"^{_SIDE}x{_SIDE}$"
POSITION = rf"^(?:original|center|{_PERCENT}(?:[ ,]{_PERCENT})?)$"


@dataclass(frozen=True)
class Length:
    """A number of pixels, or a share of a side from 0 to 1; one of the two is 0."""

    pixels: int = 0
    share: float = 0.0

    def of(self, side: int) -> int:
        """Convert to whole pixels of a side that is `side` pixels long."""
        return self.pixels + round(self.share * side)


@dataclass(frozen=True)
class Region:
    """The region of interest: a rectangle given by two corners."""

    left: Length
    top: Length
    right: Length
    bottom: Length
    text: str

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Parse `x1 y1 x2 y2`, each `%` of the width or height, `px`, or 0.

        Raises InvalidOption where the text is not of that form.
        """
        expected = "a region; write it as x1 y1 x2 y2, each in px or %, such as 10px 20px 90% 100%"
        _check(REGION, text, expected)
        left, top, right, bottom = _lengths(text)
        return cls(left, top, right, bottom, text)

    def box(self, size: Size, option: str = "roi") -> Box:
        """Return its box in pixels of an image of that size; errors name the option `option`.

        Raises RegionOutOfBounds where it reaches beyond the image, and RegionEmpty where it has no
        pixel.
        """
        left = self.left.of(size.width)
        right = self.right.of(size.width)
        top = self.top.of(size.height)
        bottom = self.bottom.of(size.height)
        if max(left, right) > size.width or max(top, bottom) > size.height:
            raise RegionOutOfBounds(
                f"{option} {self.text!r} reaches beyond the image's {size.width} x {size.height} "
                "pixels"
            )
        if left >= right or top >= bottom:
            raise RegionEmpty(
                f"{option} {self.text!r} has no pixel in an image of {size.width} x {size.height}: "
                "x1 must be left of x2, and y1 above y2"
            )
        return Box.between(left, top, right, bottom)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Mark:
    """A point on the subject, or (`keeps` false) on something that is not the subject."""

    left: Length
    top: Length
    keeps: bool


@dataclass(frozen=True)
class Points:
    """Points that tell which subject is meant."""

    marks: tuple[Mark, ...]
    text: str

    @classmethod
    def parse(cls, text: str) -> "Points":
        """Parse `x y +; x y -`, each x and y `px` or `%`; without a sign, a point is a `+`.

        Raises InvalidOption where the text is not of that form.
        """
        expected = (
            "a list of points; write it as x y +; x y -, each x and y in px or %, such as "
            "50% 60% +; 90px 30px -, at most 32 points"
        )
        _check(POINTS, text, expected)
        marks = []
        for point in re.split("; ?", text):
            left, top = _lengths(point.rstrip("+- "))
            marks.append(Mark(left, top, keeps=not point.endswith("-")))
        return cls(tuple(marks), text)

    def resolve(self, size: Size) -> tuple[list[Point], list[Point]]:
        """Return the `+` points, and the `-` points, in pixels of an image of that size.

        Raises RegionOutOfBounds where one lies beyond the image.
        """
        places: tuple[list[Point], list[Point]] = ([], [])
        for mark in self.marks:
            point = Point(mark.left.of(size.width), mark.top.of(size.height))
            if point.x > size.width or point.y > size.height:
                raise RegionOutOfBounds(
                    f"points: {point.x} {point.y} lies beyond the image's {size.width} x "
                    f"{size.height} pixels"
                )
            # 100% lies one beyond the last pixel, and means that one.
            inside = Point(min(point.x, size.width - 1), min(point.y, size.height - 1))
            places[0 if mark.keeps else 1].append(inside)
        return places

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Margins:
    """Margins around a subject: shares of its own width and height, or all of its longer side."""

    top: Length
    right: Length
    bottom: Length
    left: Length
    of_longer_side: bool
    text: str

    @classmethod
    def parse(cls, text: str) -> "Margins":
        """Parse one, two (vertical, horizontal) or four (clockwise from the top) `30px` or `10%`.

        At most 500px or 50%. `0.05` alone is a share of the longer side. Raises InvalidOption where
        the text is not of that form.
        """
        expected = (
            "a margin; write it as 30px or 10%, or two or four of these, each at most 500px or 50%"
        )
        _check(MARGINS, text, expected)
        if re.fullmatch(r"0\.[0-9]+", text):
            return cls(*(Length(share=float(text)),) * 4, of_longer_side=True, text=text)
        lengths = _lengths(text)
        # As in CSS: one for all sides, or vertical and horizontal in turn.
        top, right, bottom, left = (lengths * 4)[:4] if len(lengths) < 4 else lengths
        return cls(top, right, bottom, left, of_longer_side=False, text=text)

    def around(self, box: Box) -> Box:
        """Return the box grown by the margins; it may reach beyond the image."""
        longer = max(box.size)
        across = longer if self.of_longer_side else box.width
        down = longer if self.of_longer_side else box.height
        return box.grown(
            self.top.of(down), self.right.of(across), self.bottom.of(down), self.left.of(across)
        )

    def within(self, canvas: Size) -> Box:
        """Return the box that the margins leave of a canvas; it may have no pixel."""
        longer = max(canvas)
        across = longer if self.of_longer_side else canvas.width
        down = longer if self.of_longer_side else canvas.height
        return Box.between(
            self.left.of(across),
            self.top.of(down),
            canvas.width - self.right.of(across),
            canvas.height - self.bottom.of(down),
        )

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Canvas:
    """A fixed size of the result."""

    size: Size
    text: str

    @classmethod
    def parse(cls, text: str) -> "Canvas":
        """Parse `2000x1500`, width and height in pixels, each 1 to 16384.

        Raises InvalidOption where the text is not of that form.
        """
        expected = "a canvas; write it as 2000x1500, width and height in pixels, 1 to 16384"
        _check(CANVAS, text, expected)
        size = Size(*map(int, text.split("x")))
        if max(size) > MAX_SIDE:
            raise InvalidOption(f"{text!r} is not {expected}")
        return cls(size, text)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.size.width * self.size.height

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Position:
    """The subject's position: the shares of the free space at its left and above it, 0 to 1."""

    left: float
    top: float
    text: str

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Parse `center`, `p%`, `x% y%` or `original`, which leaves the subject where it is.

        Raises InvalidOption where the text is not of that form.
        """
        _check(POSITION, text, "a position; write it as original, center, 50% or 10% 90%")
        if text in ("original", "center"):
            return cls(0.5, 0.5, text)
        shares = [length.share for length in _lengths(text)]
        # A single share is both the first and the last.
        return cls(shares[0], shares[-1], text)

    @property
    def keeps(self) -> bool:
        """Whether the subject stays where it is."""
        return self.text == "original"

    @property
    def shares(self) -> tuple[float, float]:
        """The shares of the free space at its left and above it, 0 to 1."""
        return self.left, self.top

    def __str__(self) -> str:
        return self.text


def _check(pattern: str, text: str, expected: str) -> None:
    # `$` alone, as in `re.match`, would let a line feed at the end pass.
    if not re.fullmatch(pattern, text):
        raise InvalidOption(f"{text!r} is not {expected}")


def _lengths(text: str) -> list[Length]:
    return [
        Length(share=float(word[:-1]) / 100)
        if word.endswith("%")
        else Length(int(word.removesuffix("px")))
        for word in re.split("[ ,]", text)
    ]
