"""What a caller may ask for. One definition for the HTTP API and the command line."""

from enum import StrEnum
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from app.errors import InvalidOption

HEX_COLOR = r"^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$"


class Format(StrEnum):
    png = "png"
    webp = "webp"
    jpeg = "jpeg"


class MaskOptions(BaseModel):
    """How the alpha is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: Annotated[str | None, Field(description="name of a loaded model; the server's default when absent")] = None
    refine: Annotated[bool, Field(description="let the mask's edges follow the picture's at full size")] = True
    threshold: Annotated[
        float | None, Field(ge=0, le=1, description="give a hard mask: foreground from this alpha on")
    ] = None
    size: Annotated[
        int | None, Field(ge=1, le=16384, description="longest side of the answer, pixels; never enlarges")
    ] = None


class CutoutOptions(MaskOptions):
    """How the cut-out is made and dressed."""

    format: Annotated[Format, Field(description="jpeg has no transparency: white unless a background is given")] = (
        Format.png
    )
    background: Annotated[
        str | None, Field(pattern=HEX_COLOR, description="colour to put behind, as #rgb, #rrggbb or with alpha")
    ] = None
    crop: Annotated[bool, Field(description="crop to the subject")] = False
    margin: Annotated[
        float, Field(ge=0, le=1, description="room around a cropped subject, share of its longer side")
    ] = 0.0


def parse_color(text: str) -> NDArray[np.uint8]:
    """`#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa` as (4,) uint8 RGBA. Raises InvalidOption."""
    digits = text.removeprefix("#")
    if len(digits) in (3, 4):
        digits = "".join(2 * digit for digit in digits)
    if len(digits) == 6:
        digits += "ff"
    try:
        values = bytes.fromhex(digits)
    except ValueError:
        values = b""
    if len(values) != 4:
        raise InvalidOption(f"{text!r} is not a colour; write it as #rrggbb")
    return np.frombuffer(values, np.uint8)
