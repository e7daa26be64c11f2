"""What a caller may ask for. One definition for the HTTP API and the command line."""

from enum import StrEnum
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cutout.errors import InvalidOption
from cutout.options import colors
from cutout.options.lengths import MARGINS, POSITION, REGION

COLOR = r"^(#?([0-9a-fA-F]{3}|[0-9a-fA-F]{4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})|[a-zA-Z]{3,20})$"


class Format(StrEnum):
    png = "png"
    webp = "webp"
    jpeg = "jpeg"
    zip = "zip"
    auto = "auto"

    @classmethod
    def _missing_(cls, value: object) -> "Format | None":
        """The other usual name."""
        return cls.jpeg if value == "jpg" else None


class Channels(StrEnum):
    rgba = "rgba"
    alpha = "alpha"


def parse_color(text: str) -> NDArray[np.uint8]:
    """`#rgb`, `#rgba`, `#rrggbb`, `#rrggbbaa` or a name of CSS as (4,) uint8 RGBA. Raises InvalidOption."""
    digits = colors.NAMED.get(text.lower(), text).removeprefix("#")
    if len(digits) in (3, 4):
        digits = "".join(2 * digit for digit in digits)
    if len(digits) == 6:
        digits += "ff"
    try:
        values = bytes.fromhex(digits)
    except ValueError:
        values = b""
    if len(values) != 4:
        raise InvalidOption(f"{text!r} is not a colour; write it as #rrggbb, or by its CSS name")
    return np.frombuffer(values, np.uint8)


def _readable(color: str | None) -> str | None:
    """Refuse a name that CSS doesn't know while the options are checked, not when the picture is done."""
    try:
        if color is not None:
            parse_color(color)
    except InvalidOption as error:
        raise ValueError(error.detail) from None
    return color


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PredictOptions(_Options):
    """What is asked of a picture."""

    model: Annotated[str | None, Field(description="name of a loaded model; the classifier when absent")] = None
    subject: Annotated[bool, Field(description="also say what a mask finds: coverage and bounding box")] = False


class MaskOptions(_Options):
    """How the alpha is made."""

    model: Annotated[str | None, Field(description="name of a loaded model; the server's default when absent")] = None
    refine: Annotated[bool, Field(description="let the mask's edges follow the picture's at full size")] = True
    threshold: Annotated[
        float | None, Field(ge=0, le=1, description="give a hard mask: foreground from this alpha on")
    ] = None
    size: Annotated[
        int | None, Field(ge=1, le=16384, description="longest side of the answer, pixels; never enlarges")
    ] = None
    roi: Annotated[
        str | None,
        Field(pattern=REGION, description="region of interest, x1 y1 x2 y2, each px or %: all else is background"),
    ] = None


class CutoutOptions(MaskOptions):
    """How the cut-out is made and dressed."""

    format: Annotated[
        Format,
        Field(
            description="jpeg has no transparency: white unless a background is given; zip holds color.jpg and "
            "alpha.png; auto is png where something is transparent, else jpeg"
        ),
    ] = Format.png
    channels: Annotated[Channels, Field(description="alpha: the finished alpha alone, as a grey picture")] = (
        Channels.rgba
    )
    background: Annotated[
        str | None,
        Field(pattern=COLOR, description="colour to put behind: #rgb, #rrggbb, either with alpha, or a CSS name"),
        AfterValidator(_readable),
    ] = None
    megapixels: Annotated[
        float | None, Field(gt=0, le=1000, description="most megapixels of the answer before a crop; never enlarges")
    ] = None
    crop: Annotated[bool, Field(description="crop to the subject: to `X-Bounding-Box`, and `margin` around it")] = False
    margin: Annotated[
        str,
        Field(
            pattern=MARGINS,
            description="room around a cropped subject: 30px or 10% (of its width or height), at most 500px or 50%, "
            "one, two (above and below, sides) or four (clockwise from the top); or 0.05, a share of its longer side",
        ),
    ] = "0"
    scale: Annotated[
        float | None,
        Field(
            ge=0.1, le=1, description="the subject's size, share of the canvas; it is centred unless `position` is set"
        ),
    ] = None
    position: Annotated[
        str | None,
        Field(pattern=POSITION, description="the subject's place on the canvas: original, center, 50% or 10% 90%"),
    ] = None
