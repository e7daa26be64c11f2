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
"""Modes of Pillow whose samples have 8 bits."""


@dataclass(frozen=True)
class Shown:
    """A frame as it is shown, composed with those before it, and for how many milliseconds."""

    decoded: Decoded
    milliseconds: float


class Animation:
    """The frames of a GIF, WebP or PNG; `plays` is how often they are shown, 0 for without end."""

    def __init__(self, data: bytes, header: Header) -> None:
        """Open a file. Raises UndecodableImage where it is corrupt, or frames differ in size."""
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

        Raises UndecodableImage where a frame is corrupt or missing.
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
        # After load(): Pillow knows the duration of a WebP's frame only then.
        return Shown(decoded(self._file), float(self._file.info.get("duration", 0)))


def _plays(header: Header, loop: int | None) -> int:
    """Return how often a file is shown; a GIF stores the number of repetitions instead."""
    if loop is None:
        return 1
    return loop + 1 if header.format == "gif" and loop else loop
