"""Images for tests, made in code."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cutout.imaging.box import Size
from cutout.imaging.decode import Raster, reduction
from cutout.sources import Upload


def disc(width: int = 96, height: int = 64) -> NDArray[np.uint8]:
    """A bright disc on black, (H, W, 3) uint8 RGB, its radius a quarter of the height, in the
    middle."""
    image = np.zeros((height, width, 3), np.uint8)
    cv2.circle(image, (width // 2, height // 2), height // 4, (255, 255, 255), -1)
    return image


def encoded(image: NDArray[np.uint8], suffix: str = ".png") -> bytes:
    """An RGB, RGBA or grey array as a file of that type."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    pixels = image if image.ndim == 2 else np.ascontiguousarray(image[:, :, order[image.shape[2]]])
    done, data = cv2.imencode(suffix, pixels)
    assert done
    return data.tobytes()


def alike(one: bytes, other: bytes) -> bool:
    """The same file, or PNGs of the same pixels: now and then isal codes the same bytes in another
    way."""
    return one == other or (
        one[:4] == other[:4] == b"\x89PNG" and np.array_equal(decoded(one), decoded(other))
    )


def decoded(data: bytes) -> NDArray[np.uint8]:
    """A file as grey (H, W), RGB or RGBA, unchanged."""
    pixels = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)
    if pixels.ndim == 2:
        return pixels
    return np.ascontiguousarray(pixels[:, :, {3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.shape[2]]])


def raster(data: bytes, max_pixels: int = 10**8, least: tuple[int, int] | None = None) -> Raster:
    """A file as the engine decodes it, a JPEG reduced as far as `least` allows."""
    upload = Upload.read(data, max_pixels)
    return upload.decode(1 if least is None else reduction(upload.header, Size(*least)))


def quarters(channels: int = 3) -> NDArray[np.uint8]:
    """Red, blue / green, white, (32, 48, channels) uint8; of a fourth channel, the left half is
    170, the right 255."""
    pixels = np.full((32, 48, channels), 255, np.uint8)
    pixels[:16, :24, :3] = 255, 0, 0
    pixels[:16, 24:, :3] = 0, 0, 255
    pixels[16:, :24, :3] = 0, 255, 0
    if channels == 4:
        pixels[:, :24, 3] = 170
    return pixels


def is_near(left: NDArray[np.uint8], right: NDArray[np.uint8], tolerance: int) -> bool:
    """Whether two images of one shape differ by at most `tolerance` anywhere."""
    return left.shape == right.shape and bool(np.abs(left.astype(int) - right).max() <= tolerance)
