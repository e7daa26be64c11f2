"""The options of the API: one definition for Python, the command line and HTTP.

Values are parsed here, where they come in; the engine never sees their text.
"""

from collections.abc import Callable
from dataclasses import is_dataclass
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PlainSerializer,
    WithJsonSchema,
)

from cutout.errors import InvalidOption
from cutout.imaging.box import Size
from cutout.options.colors import Color
from cutout.options.effects import (
    BACKGROUND,
    OUTLINE,
    Blur,
    Outline,
    Shadow,
    parse_background,
    parse_shadow,
)
from cutout.options.lengths import (
    CANVAS,
    MARGINS,
    MAX_SIDE,
    POINTS,
    POSITION,
    REGION,
    Canvas,
    Margins,
    Points,
    Position,
    Region,
)

T = TypeVar("T")


class Format(StrEnum):
    """The file format of a cut-out."""

    png = "png"
    webp = "webp"
    jpeg = "jpeg"
    zip = "zip"
    gif = "gif"
    auto = "auto"

    @classmethod
    def _missing_(cls, value: object) -> "Format | None":
        """Accept the other usual name."""
        return cls.jpeg if value == "jpg" else None


class Channels(StrEnum):
    """The channels of the result: the cut-out, or its alpha alone."""

    rgba = "rgba"
    alpha = "alpha"


class Frames(StrEnum):
    """The frames of an animation that are cut out."""

    first = "first"
    all = "all"


def _parsed_by(parse: Callable[[str], T]) -> BeforeValidator:
    """Make a validator of a parser: what has been parsed already passes.

    Numbers and tuples, as Python's callers give them, are parsed as the text that they print.
    """

    def read(value: object) -> object:
        if value is None or is_dataclass(value):
            return value
        try:
            return parse(str(value))
        except InvalidOption as error:
            # pydantic reports a ValueError as the field's; any other error would pass through it.
            raise ValueError(error.detail) from None

    return BeforeValidator(read)


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


AS_TEXT = PlainSerializer(str, return_type=str)
# A BeforeValidator runs before the InstanceOf to its left, which has no JSON schema: `_text`.
RegionField = Annotated[InstanceOf[Region], _parsed_by(Region.parse), AS_TEXT, _text(REGION)]
PointsField = Annotated[InstanceOf[Points], _parsed_by(Points.parse), AS_TEXT, _text(POINTS)]
MarginsField = Annotated[InstanceOf[Margins], _parsed_by(Margins.parse), AS_TEXT, _text(MARGINS)]
CanvasField = Annotated[InstanceOf[Canvas], _parsed_by(Canvas.parse), AS_TEXT, _text(CANVAS)]
PositionField = Annotated[
    InstanceOf[Position], _parsed_by(Position.parse), AS_TEXT, _text(POSITION)
]
BackgroundField = Annotated[
    InstanceOf[Color] | InstanceOf[Blur],
    _parsed_by(parse_background),
    AS_TEXT,
    _text(BACKGROUND),
]
OutlineField = Annotated[InstanceOf[Outline], _parsed_by(Outline.parse), AS_TEXT, _text(OUTLINE)]
ShadowField = Annotated[Shadow | None, BeforeValidator(parse_shadow)]


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PredictOptions(_Options):
    """Options of a score."""

    model: Annotated[
        str | None, Field(description="name of a loaded model; the classifier when absent")
    ] = None
    subject: Annotated[
        bool, Field(description="also say what a mask finds: coverage and bounding box")
    ] = False


class MaskOptions(_Options):
    """Options of a mask."""

    model: Annotated[
        str | None, Field(description="name of a loaded model; the server's default when absent")
    ] = None
    refine: Annotated[bool, Field(description="refine the mask's edges at full resolution")] = True
    threshold: Annotated[
        float | None,
        Field(ge=0, le=1, description="make a hard mask: foreground where alpha is at least this"),
    ] = None
    size: Annotated[
        int | None,
        Field(ge=1, le=MAX_SIDE, description="longest side of the result, pixels; never enlarges"),
    ] = None
    roi: Annotated[
        RegionField | None,
        Field(description="region of interest, x1 y1 x2 y2, each px or %; all else is background"),
    ] = None
    points: Annotated[
        PointsField | None,
        Field(
            description="choose one of several subjects by points on it (+) and beside it (-): "
            "x y +; x y -, each px or %"
        ),
    ] = None
    box: Annotated[
        RegionField | None,
        Field(
            description="choose the subject in this box, x1 y1 x2 y2, each px or %; nothing "
            "outside of it is kept"
        ),
    ] = None
    invert: Annotated[
        bool,
        Field(
            description="keep the background and remove the subject; `crop` and the response "
            "headers then refer to the background"
        ),
    ] = False

    @property
    def needs_pixels(self) -> bool:
        """Whether the image's own pixels are needed once the network has run."""
        return self.refine or self.roi is not None or self.chooses

    @property
    def chooses(self) -> bool:
        """Whether one of several subjects is to be chosen."""
        return self.points is not None or self.box is not None

    def answer_size(self, upload: Size) -> Size:
        """Return the size of the result, in pixels, for an upload of that size."""
        return upload.limited(self.size)


class CutoutOptions(MaskOptions):
    """Options of a cut-out: how its alpha is made, and how it is finished."""

    format: Annotated[
        Format,
        Field(
            description="jpeg has no transparency: white unless a background is given; zip holds "
            "color.jpg and alpha.png; gif has 255 colours, no half transparency; auto is png where "
            "something is transparent, else jpeg"
        ),
    ] = Format.png
    frames: Annotated[
        Frames,
        Field(
            description="all: cut out every frame of a GIF, WebP or PNG that is an animation, and "
            "write an animated png, webp or gif (auto: the type of the upload) with its timing"
        ),
    ] = Frames.first
    channels: Annotated[
        Channels, Field(description="alpha: only the final alpha, as a grey image")
    ] = Channels.rgba
    quality: Annotated[
        int | None,
        Field(
            ge=1,
            le=100,
            description="quality of a JPEG (92 when absent), a WebP (85) or the ZIP's JPEG",
        ),
    ] = None
    background: Annotated[
        BackgroundField | None,
        Field(
            description="what to put behind: a colour, as #rgb, #rrggbb, either with alpha, or a "
            "CSS name; or blur:12, the image's own background, blurred by 12 pixels"
        ),
    ] = None
    shadow: Annotated[
        ShadowField,
        Field(
            description="put a shadow under the subject: soft (or true), its own shape; contact, "
            "where it touches the ground"
        ),
    ] = None
    outline: Annotated[
        OutlineField | None,
        Field(description="draw a line around the subject, as on stickers: 8px #fff"),
    ] = None
    megapixels: Annotated[
        float | None,
        Field(
            gt=0,
            le=1000,
            description="most megapixels of the result before a crop; never enlarges",
        ),
    ] = None
    crop: Annotated[
        bool,
        Field(description="crop to the subject: to `X-Bounding-Box`, and `margin` around it"),
    ] = False
    margin: Annotated[
        MarginsField,
        Field(
            # A JSON schema has no default where a factory makes it.
            json_schema_extra={"default": "0"},
            description="room around a cropped subject: 30px or 10% (of its width or height), at "
            "most 500px or 50%, one, two (above and below, sides) or four (clockwise from the "
            "top); or 0.05, a share of its longer side. With `canvas`, room at the canvas's edges",
        ),
    ] = Field(default_factory=lambda: Margins.parse("0"))
    canvas: Annotated[
        CanvasField | None,
        Field(
            description="exact size of the result, such as 2000x1500: the whole image, or with "
            "`crop` the subject, is fitted into it within `margin`, centred or at `position`"
        ),
    ] = None
    scale: Annotated[
        float | None,
        Field(
            ge=0.1,
            le=1,
            description="the subject's size, as a fraction of the canvas; centred unless "
            "`position` is set",
        ),
    ] = None
    position: Annotated[
        PositionField | None,
        Field(description="the subject's position on the canvas: original, center, 50% or 10% 90%"),
    ] = None
    keep_profile: Annotated[
        bool,
        Field(
            description="keep the colours as they are stored and embed the file's ICC profile, "
            "where that is for RGB; else they are converted to sRGB"
        ),
    ] = False
    keep_metadata: Annotated[
        bool,
        Field(
            description="keep EXIF and XMP, turned upright, without thumbnail, maker notes and GPS "
            "position; the density (dpi) is always kept"
        ),
    ] = False
    keep_gps: Annotated[bool, Field(description="with `keep_metadata`, keep the GPS position")] = (
        False
    )

    @property
    def needs_pixels(self) -> bool:
        """Whether the image's own pixels are needed: always, as a cut-out shows them."""
        return True

    def answer_size(self, upload: Size) -> Size:
        """Return the size of the result before a crop, in pixels, for an upload of that size."""
        size = upload.fitting(self.megapixels)
        # `size` limits the crop then (`cutout.framing`), and not the image before it.
        return size if self.crop else size.limited(self.size)

    @property
    def has_effects(self) -> bool:
        """Whether anything is put behind or under the cut-out."""
        return not (self.background is None and self.shadow is None and self.outline is None)

    @property
    def adds_colors(self) -> bool:
        """Whether the result has colours that are not the image's."""
        return isinstance(self.background, Color) or self.outline is not None

    @property
    def is_arranged(self) -> bool:
        """Whether the subject is cropped, scaled, moved or put on a canvas."""
        moved = self.position is not None and not self.position.keeps
        return self.crop or self.scale is not None or self.canvas is not None or moved
