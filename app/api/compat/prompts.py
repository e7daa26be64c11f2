"""The parameter `sam_prompt` of rembg's model `sam`: points and a rectangle choose a subject."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from cutout.errors import InvalidOption
from cutout.options import Points, Region

Pixel = Annotated[float, Field(ge=0, le=99_999)]


class _Point(BaseModel):
    type: Literal["point"]
    data: tuple[Pixel, Pixel]
    label: Literal[0, 1] = 1


class _Rectangle(BaseModel):
    type: Literal["rectangle"]
    data: tuple[Pixel, Pixel, Pixel, Pixel]


_MARKS: TypeAdapter[list[_Point | _Rectangle]] = TypeAdapter(
    list[Annotated[_Point | _Rectangle, Field(discriminator="type")]]
)
FORM = (
    'a list of {"type": "point", "data": [x, y], "label": 1} (0: beside what is meant) and at most '
    'one {"type": "rectangle", "data": [x1, y1, x2, y2]}, in pixels'
)


def choice(extras: dict[str, Any]) -> dict[str, Any]:
    """Turn `sam_prompt` into the options `points` and `box`.

    Raises InvalidOption where there is no prompt, or it has another form.
    """
    try:
        marks = _MARKS.validate_python(extras.get("sam_prompt", []))
    except ValidationError as error:
        raise InvalidOption(f"sam_prompt is not {FORM}: {_first(error)}") from None
    points = [mark for mark in marks if isinstance(mark, _Point)]
    boxes = [mark for mark in marks if isinstance(mark, _Rectangle)]
    if not marks or len(boxes) > 1:
        raise InvalidOption(f"model sam needs {FORM}, in sam_prompt of extras")
    return {
        "points": Points.parse("; ".join(map(_point, points))) if points else None,
        "box": _box(boxes[0]) if boxes else None,
    }


def _point(point: _Point) -> str:
    return f"{_lengths(*point.data)} {'+' if point.label else '-'}"


def _box(rectangle: _Rectangle) -> Region:
    """Return the rectangle between two opposite corners, in whichever order."""
    x1, y1, x2, y2 = rectangle.data
    return Region.parse(_lengths(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))


def _lengths(*pixels: float) -> str:
    return " ".join(f"{round(pixel)}px" for pixel in pixels)


def _first(error: ValidationError) -> str:
    found = error.errors()[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}" if found["loc"] else found["msg"]
