"""What several tests share: drawn images with masks on each side of the split, and a small
segmenter.
"""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from model_export.data.dataset import split_of_key
from tests.support.pairs import draw_pair, write_pair
from tests.support.training import SMALL, run, settings

WANTED = {"train": 12, "validation": 3, "test": 3}


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of one set, `discs`, with a few images on each side of the split."""
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


@pytest.fixture(scope="session")
def shipped(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small segmenter's bundle."""
    folder = tmp_path_factory.mktemp("shipped")
    run(
        "train",
        "segmenter",
        "--data",
        images,
        "--out",
        folder / "run",
        *settings(*SMALL["segmenter"]),
        "--no-report",
    )
    run(
        "export",
        "--run",
        folder / "run",
        "--data",
        images,
        "--out",
        folder / "bundle",
        "--float32",
    )
    return folder / "bundle"
