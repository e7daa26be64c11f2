"""Decoding of HEIC and HEIF by libheif and libde265 (pi-heif)."""

import numpy as np
import pi_heif

from cutout.errors import UndecodableImage
from cutout.imaging.decoders.common import Decoded
from cutout.imaging.decoders.pixels import split, unpremultiply
from cutout.imaging.headers import Header


def decode(data: bytes, header: Header) -> Decoded:
    """Decode the primary image of a HEIC or HEIF, upright.

    Grey of more than 8 bits comes out as uint16, all else as uint8. Raises UndecodableImage where
    the file is corrupt, and MemoryError where memory is short.

    The rows are taken as libheif has them: pi-heif would write beyond them where a file declares
    more bits than its samples have.
    """
    try:
        file = pi_heif.open_heif(data, hdr_to_16bit=False, remove_stride=False)
        decoded = _copied(file[file.primary_index])
    except MemoryError:
        raise
    except Exception as error:  # pi_heif raises whatever a broken file makes it meet
        raise UndecodableImage(f"the HEIC cannot be decoded: {str(error).strip()}") from error
    if header.premultiplied and decoded.alpha is not None:
        # No copy is made: with an alpha the image is uint8 already.
        unpremultiply(np.asarray(decoded.image, np.uint8), decoded.alpha)
    return decoded


def _copied(image: pi_heif.HeifImage) -> Decoded:
    """Copy the pixels, which are freed with the file. Raises ValueError for rows too short."""
    rows = np.frombuffer(image.data, np.uint8).reshape(-1, image.stride)
    width, height = image.size
    kind, _, is_deep = image.mode.partition(";")
    row_bytes = width * len(kind) * (2 if is_deep else 1)
    if row_bytes > image.stride or len(rows) != height:
        raise ValueError("its samples have fewer bits than its header says")
    pixels = rows[:, :row_bytes].reshape(height, width, -1)
    if is_deep:
        samples = np.ascontiguousarray(pixels).view(np.dtype("<u2"))
        # Up to the full 16 bits, from which `to_8_bits` rounds.
        shift = 16 - int(image.info["bit_depth"])
        return Decoded(np.repeat(np.asarray(samples << shift, np.uint16), 3, axis=2), None)
    if len(kind) == 1:
        return Decoded(np.repeat(pixels, 3, axis=2), None)
    return Decoded(pixels.copy(), None) if len(kind) == 3 else Decoded(*split(pixels))
