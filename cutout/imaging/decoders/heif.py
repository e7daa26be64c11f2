"""Decoding of HEIC and HEIF by libheif and libde265 (pi-heif)."""

import numpy as np
import pi_heif

from cutout.errors import UndecodableImage
from cutout.imaging.decoders.common import Decoded
from cutout.imaging.decoders.pixels import split, unpremultiply
from cutout.imaging.headers import Header


def decode(data: bytes, header: Header) -> Decoded:
    """Decode the primary image, upright, with 8 bits. Raises UndecodableImage."""
    try:
        file = pi_heif.open_heif(data)
        pixels = np.asarray(file[file.primary_index])
    except MemoryError:
        raise
    except Exception as error:  # pi_heif raises whatever a broken file makes it meet
        raise UndecodableImage(f"the HEIC cannot be decoded: {str(error).strip()}") from error
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        colors = pixels if pixels.ndim == 2 else pixels[:, :, 0]
        alpha = None if pixels.ndim == 2 else np.ascontiguousarray(pixels[:, :, 1])
        return Decoded(np.repeat(colors[:, :, np.newaxis], 3, axis=2), alpha)
    if pixels.shape[2] == 3:
        return Decoded(pixels.copy(), None)
    image, alpha = split(pixels)
    if header.premultiplied:
        unpremultiply(image, alpha)
    return Decoded(image, alpha)
