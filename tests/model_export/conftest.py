"""Pictures with masks, drawn in code: a bright checked disc on a dark grainy ground."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from model_export.data.dataset import split_of_key

WIDTH, HEIGHT = 80, 64
WANTED = {"train": 12, "validation": 3, "test": 3}


def draw_pair(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture (64, 80, 3) and its mask (64, 80), uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    disc = np.hypot(columns - rng.uniform(30, 50), rows - rng.uniform(25, 39)) < rng.uniform(17, 21)
    checks = np.where((rows // 4 + columns // 4) % 2, 235, 165)
    picture = np.where(disc, checks, 40)[:, :, np.newaxis] + rng.integers(-25, 25, (HEIGHT, WIDTH, 3))
    return picture.clip(0, 255).astype(np.uint8), np.where(disc, 255, 0).astype(np.uint8)


def write_pair(folder: Path, stem: str, picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> None:
    for kind, pixels, suffix in (("images", picture[:, :, ::-1], ".jpg"), ("masks", mask, ".png")):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / kind / f"{stem}{suffix}"), pixels)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of one set, `discs`, with a few pictures on each side of the split."""
    root = tmp_path_factory.mktemp("data")
    missing, number = dict(WANTED), 0
    while any(missing.values()):
        stem = f"disc{number:03d}"
        split = split_of_key(f"discs/{stem}")
        if missing[split]:
            missing[split] -= 1
            write_pair(root / "discs", stem, *draw_pair(number))
        number += 1
    return root
