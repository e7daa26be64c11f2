"""Images with masks, drawn in code: a bright checked disc on a dark grainy ground."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 80, 64


def draw_pair(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """An image (64, 80, 3) and its mask (64, 80), uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    disc = np.hypot(columns - rng.uniform(30, 50), rows - rng.uniform(25, 39)) < rng.uniform(17, 21)
    checks = np.where((rows // 4 + columns // 4) % 2, 235, 165)
    image = np.where(disc, checks, 40)[:, :, np.newaxis] + rng.integers(-25, 25, (HEIGHT, WIDTH, 3))
    return image.clip(0, 255).astype(np.uint8), np.where(disc, 255, 0).astype(np.uint8)


def write_pair(folder: Path, stem: str, image: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
    for kind, pixels, suffix in (("images", image[:, :, ::-1], ".jpg"), ("masks", mask, ".png")):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / kind / f"{stem}{suffix}"), pixels)
