"""What a caller may ask for, parsed once, at the door: fields, lengths (30px, 10%), colours."""

from cutout.options.fields import Channels, CutoutOptions, Format, MaskOptions, PredictOptions, parse_color

__all__ = ["Channels", "CutoutOptions", "Format", "MaskOptions", "PredictOptions", "parse_color"]
