"""Which images a report shows, and how it counts them."""

from pathlib import Path

import numpy as np
import pytest

from model_export.data.dataset import Pair
from model_export.report.curves import (
    confusion_at,
)
from model_export.report.evidence import Evidence, ImageScore, spread_over_sets


def pair(name: str, of: str = "set") -> Pair:
    return Pair(of, name, name, Path(f"{name}.jpg"), Path(f"{name}.png"))


def test_pixels_count_alike_for_images_of_all_sizes() -> None:
    evidence = Evidence()
    for name, size, alpha in (("small", 2, 255), ("large", 20, 0)):
        mask = np.zeros((size, size), np.uint8)
        mask[: size // 2] = 255
        evidence.alpha(pair(name), np.full((size, size), alpha, np.uint8), mask)
    np.testing.assert_allclose(confusion_at(evidence.counts, 0.5), [[0.5, 0.5], [0.5, 0.5]])
    best, worst = evidence.best_and_worst(1, 5)
    assert ([image.pair.stem for image in best], [image.pair.stem for image in worst]) == (
        ["small"],
        ["large"],
    )
    assert evidence.images[0].value == pytest.approx(0.5)
    assert evidence.images[1].error == pytest.approx(0.5)


def test_the_surest_parts_are_kept_one_a_image() -> None:
    evidence = Evidence()
    for number in range(6):
        x = np.full((3, 4, 4, 1), number, np.float32)
        scores = np.array([0.6 + number / 20, 0.55, 0.3])
        evidence.parts(pair(str(number)), x, np.array([1, 1, 1]), scores)
    kept = evidence.confident(1, right=True)
    assert [(part.pair.stem, round(part.probability, 2)) for part in kept] == [
        ("5", 0.85),
        ("4", 0.8),
        ("3", 0.75),
        ("2", 0.7),
    ]
    assert {part.pair.stem for part in evidence.confident(1, right=False)} <= set("012345")
    assert evidence.confident(0, right=True) == []
    assert evidence.images[0].value == pytest.approx(2 / 3)


def test_a_gallery_is_not_of_one_set_alone() -> None:
    ranked = [ImageScore(pair(str(number), "a"), 0.5, 0.0) for number in range(4)]
    ranked.append(ImageScore(pair("other", "b"), 0.4, 0.0))
    assert [image.pair.stem for image in spread_over_sets(ranked, 3)] == ["0", "1", "other"]
    assert len(spread_over_sets(ranked, 9)) == 5
