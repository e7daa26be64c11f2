"""The options of a job, parsed once where they come in: fields, lengths (30px, 10%), colours."""

from cutout.options.colors import Color
from cutout.options.effects import Blur, Outline, Shadow
from cutout.options.fields import (
    Channels,
    CutoutOptions,
    Format,
    Frames,
    MaskOptions,
    PredictOptions,
)
from cutout.options.lengths import Canvas, Margins, Points, Position, Region

__all__ = [
    "Blur",
    "Canvas",
    "Channels",
    "Color",
    "CutoutOptions",
    "Format",
    "Frames",
    "Margins",
    "MaskOptions",
    "Outline",
    "Points",
    "Position",
    "PredictOptions",
    "Region",
    "Shadow",
]
