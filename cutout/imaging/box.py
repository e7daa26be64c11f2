"""The one rectangle: a box of whole pixels, and the size of what it lies in."""

import math
from dataclasses import dataclass
from typing import NamedTuple


class Size(NamedTuple):
    """Width and height in pixels, in that order."""

    width: int
    height: int

    def limited(self, longest: int | None) -> "Size":
        """Shrink to a longer side of at most `longest` pixels, proportions kept; never enlarge."""
        if longest is None or max(self) <= longest:
            return self
        ratio = longest / max(self)
        return Size(max(1, round(self.width * ratio)), max(1, round(self.height * ratio)))

    def fitting(self, megapixels: float | None) -> "Size":
        """Shrink to at most `megapixels` (1e6 pixels), proportions kept; never enlarge."""
        if megapixels is None or self.width * self.height <= megapixels * 1e6:
            return self
        ratio = math.sqrt(megapixels * 1e6 / (self.width * self.height))
        # 1000 x 640 at 0.25 MP is 625 x 400 to the pixel: a float below must not cost a column.
        width = math.floor(self.width * ratio + 1e-6)
        height = math.floor(self.height * ratio + 1e-6)
        return Size(max(1, width), max(1, height))


class Point(NamedTuple):
    """A pixel: column and row, in that order."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels. Its top left corner may lie outside of the image."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def between(cls, left: int, top: int, right: int, bottom: int) -> "Box":
        """Make the box between two corners; `right` and `bottom` are exclusive."""
        return cls(left, top, right - left, bottom - top)

    @property
    def right(self) -> int:
        """The first column that is no longer inside."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row that is no longer inside."""
        return self.top + self.height

    @property
    def size(self) -> Size:
        """Width and height in pixels."""
        return Size(self.width, self.height)

    @property
    def rows(self) -> slice:
        """The rows of an array that the box covers; it must lie inside of it."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """The columns of an array that the box covers; it must lie inside of it."""
        return slice(self.left, self.right)

    def grown(self, top: int, right: int, bottom: int, left: int) -> "Box":
        """Add that many pixels at each side, clockwise from the top."""
        # Numbers below 0 take pixels away, as `choose` does.
        return Box(
            self.left - left,
            self.top - top,
            left + self.width + right,
            top + self.height + bottom,
        )

    def moved(self, left: int, top: int) -> "Box":
        """Return the box moved right by `left` and down by `top` pixels."""
        return Box(self.left + left, self.top + top, self.width, self.height)

    def clipped(self, size: Size) -> "Box":
        """Return the part of the box inside an image of that size.

        Of a box that lies wholly outside, width or height is 0 or negative.
        """
        return Box.between(
            max(0, self.left),
            max(0, self.top),
            min(size.width, self.right),
            min(size.height, self.bottom),
        )

    def rescaled(self, source: Size, target: Size) -> "Box":
        """Convert from pixels of an image at size `source` to pixels of it at size `target`.

        Each corner is rounded to the nearest pixel.
        """
        across = target.width / source.width
        down = target.height / source.height
        return Box.between(
            round(self.left * across),
            round(self.top * down),
            round(self.right * across),
            round(self.bottom * down),
        )

    def covering(self, source: Size, target: Size) -> "Box":
        """Convert as `rescaled` does, but outwards: to all pixels of `target` that it touches."""
        return Box.between(
            # Whole numbers all through: // rounds down, -(-a // b) up; floats might miss by a
            # pixel.
            self.left * target.width // source.width,
            self.top * target.height // source.height,
            -(-self.right * target.width // source.width),
            -(-self.bottom * target.height // source.height),
        )
