"""The options as keywords of Python functions, for type checkers; values as in `fields`."""

from typing import Literal, TypedDict

from cutout.options.colors import Color
from cutout.options.effects import Blur, Outline, Shadow
from cutout.options.fields import Channels, Format, Frames
from cutout.options.lengths import Canvas, Margins, Points, Position, Region


class MaskKeywords(TypedDict, total=False):
    """The options of a mask as keywords; their meanings and limits are in `MaskOptions`."""

    model: str | None
    refine: bool
    threshold: float | None
    size: int | None
    roi: Region | str | None
    points: Points | str | None
    box: Region | str | None
    invert: bool


class CutoutKeywords(MaskKeywords, total=False):
    """The options of a cut-out as keywords; their meanings and limits are in `CutoutOptions`."""

    format: Format | Literal["png", "webp", "jpeg", "jpg", "zip", "gif", "auto"]
    frames: Frames | Literal["first", "all"]
    channels: Channels | Literal["rgba", "alpha"]
    quality: int | None
    background: Color | Blur | str | None
    shadow: Shadow | Literal["soft", "contact"] | bool | None
    outline: Outline | str | None
    megapixels: float | None
    crop: bool
    margin: Margins | str
    canvas: Canvas | str | None
    scale: float | None
    position: Position | str | None
    keep_profile: bool
    keep_metadata: bool
    keep_gps: bool
