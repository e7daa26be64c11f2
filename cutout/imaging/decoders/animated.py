"""Decoding of animations by Pillow: GIF, WebP and PNG, frame after frame, as they are shown."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import ImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from cutout.errors import UndecodableImage
from cutout.imaging.decoders.common import Decoded
from cutout.imaging.decoders.pillow import decoded, decoding
from cutout.imaging.headers import Header
from cutout.imaging.headers.gif_bmp import fits_its_screen

CLASSES: dict[str, type[ImageFile.ImageFile]] = {
    "gif": GifImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
}
MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})
"""Of Pillow, whose samples have 8 bits."""


@dataclass(frozen=True)
class Shown:
    """A frame with all that is shown, and for how long."""

    decoded: Decoded
    milliseconds: float


class Animation:
    """The frames of a file. `plays` is how often it is shown, 0 for without end."""

    def __init__(self, data: bytes, header: Header) -> None:
        """Open a file. Raises UndecodableImage."""
        self._header = header
        if header.format == "gif" and not fits_its_screen(data):
            raise UndecodableImage("a frame of the GIF reaches beyond its screen")
        with decoding("the animation"):
            self._file = CLASSES[header.format](io.BytesIO(data))
            if self._file.size != (header.width, header.height):
                raise ValueError("the size of its frames is not that of its header")
            self.plays = _plays(header, self._file.info.get("loop"))

    def frames(self) -> Iterator[Shown]:
        """Decode one frame after the other, as many as the header says.

        Raises UndecodableImage, also where one is missing.
        """
        # An image for programs that know no animations comes before the frames of some PNGs.
        first = int(getattr(self._file, "default_image", False))
        for number in range(self._header.frames):
            with decoding(f"frame {number + 1} of {self._header.frames}"):
                shown = self._shown(first + number)
            yield shown

    def _shown(self, number: int) -> Shown:
        self._file.seek(number)
        self._file.load()
        if self._file.mode not in MODES:
            raise ValueError(f"samples of mode {self._file.mode} are not read in animations")
        return Shown(decoded(self._file), float(self._file.info.get("duration", 0)))


def _plays(header: Header, loop: int | None) -> int:
    """Return how often a file is shown: a GIF says how often it is repeated, the others in all."""
    if loop is None:
        return 1
    return loop + 1 if header.format == "gif" and loop else loop
