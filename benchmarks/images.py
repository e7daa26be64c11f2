"""Photographs to measure with: synthetic, or from a folder of the caller's.

The same recipe gives the same bytes.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

QUALITY = 90
SIZES = {"1 MP": (1152, 864), "12 MP": (4000, 3000)}
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
OCTAVE = 0.72  # contrast of an octave, as a share of that of the coarser one before it
# Standard deviation of a camera's noise, in levels of 255, without which an enlarged image would be
# too easy to compress.
GRAIN = 4.0


def photographs(width: int, height: int, count: int, folder: Path | None = None) -> list[bytes]:
    """Return JPEGs of that size, quality 90: of a folder's first images, or synthetic ones.

    Exits with a message where the folder has no image.
    """
    if folder is None:
        images = [synthetic(width, height, seed) for seed in range(count)]
    else:
        images = [grown(path, width, height) for path in _first(folder, count)]
    return [jpeg(image) for image in images]


def synthetic(width: int, height: int, seed: int) -> Image:
    """Make an image (height, width, 3) uint8 BGR of a textured subject before a softer scene.

    The scene is 1/f noise lit from one side, the subject a blob of another colour and finer
    texture.
    """
    rng = np.random.default_rng(seed)
    shape = _blob(rng, width, height)[:, :, np.newaxis]
    half = max(width, height) // 2
    scene = rng.uniform(60, 190, 3) + _texture(rng, width, height, half, contrast=70, finest=4)
    subject = rng.uniform(60, 190, 3) + _texture(rng, width, height, half, contrast=60)
    return _grain(rng, scene + shape * (subject - scene))


def grown(path: Path, width: int, height: int) -> Image:
    """Return a photograph (height, width, 3) uint8 BGR, enlarged and cropped to that size.

    With the fine texture and the grain that enlarging can't give it. Exits with a message where the
    file is not an image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"{path}: not an image")
    ratio = max(width / image.shape[1], height / image.shape[0])
    size = (max(width, round(image.shape[1] * ratio)), max(height, round(image.shape[0] * ratio)))
    enlarged = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)[:height, :width].astype(
        np.float32
    )
    rng = np.random.default_rng(0)
    return _grain(
        rng, enlarged + _texture(rng, width, height, coarsest=max(1, round(ratio)), contrast=12)
    )


def jpeg(image: Image, quality: int = QUALITY) -> bytes:
    """Encode an image (H, W, 3) uint8 BGR as a JPEG."""
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def _first(folder: Path, count: int) -> Sequence[Path]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:count]
    if not paths:
        raise SystemExit(f"{folder}: no image in it")
    return paths


def _texture(
    rng: np.random.Generator,
    width: int,
    height: int,
    coarsest: int,
    contrast: float,
    finest: int = 1,
) -> NDArray[np.float32]:
    """Make noise (H, W, 3) whose amplitude grows with its wavelength, as in natural images.

    1/f (Field 1987). Made from coarse to fine, each octave enlarging the ones before it;
    wavelengths are in pixels.
    """
    step = coarsest
    texture = np.zeros((-(-height // step), -(-width // step), 3), np.float32)
    while True:
        noise = rng.standard_normal((*texture.shape[:2], 1), np.float32)
        texture += contrast / 3 * noise + contrast / 9 * rng.standard_normal(
            texture.shape, np.float32
        )
        if step <= finest:
            return np.asarray(
                cv2.resize(texture, (width, height), interpolation=cv2.INTER_CUBIC), np.float32
            )
        step = step // 2
        contrast = contrast * OCTAVE
        texture = np.asarray(
            cv2.resize(
                texture, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_CUBIC
            ),
            np.float32,
        )


def _blob(rng: np.random.Generator, width: int, height: int) -> NDArray[np.float32]:
    """Make a wavy ellipse (H, W) float32 in [0, 1], a fifth of the image, with a soft rim."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    center = rng.uniform(0.42, 0.58, 2)
    across, down = (x / width - center[0]) / 0.24, (y / height - center[1]) / 0.32
    angle = np.arctan2(down, across)
    radius = 1 + sum(
        rng.uniform(0.02, 0.1) * np.sin(waves * angle + rng.uniform(0, 6)) for waves in range(2, 9)
    )
    return np.asarray(np.clip((radius - np.hypot(across, down)) * 60, 0, 1), np.float32)


def _grain(rng: np.random.Generator, image: NDArray[np.floating]) -> Image:
    noise = rng.standard_normal(image.shape, np.float32)
    return np.clip(image + GRAIN * noise, 0, 255).astype(np.uint8)
