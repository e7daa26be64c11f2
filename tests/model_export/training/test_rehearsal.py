"""How much of what is drawn, and of the score, the kept images are."""

from dataclasses import replace
from pathlib import Path

import pytest

from model_export.config import TrainConfig, load_config
from model_export.data.dataset import find_pairs, odds_of, select
from model_export.data.mask_batches import MaskBatches
from model_export.data.pairs import Taught
from model_export.data.soft_labels import Teacher
from model_export.training.rehearsal import RehearsalImages
from tests.support.pairs import draw_pair, write_pair


@pytest.fixture
def new(tmp_path: Path) -> Path:
    for number in range(8):
        write_pair(tmp_path / "mugs", f"mug{number}", *draw_pair(100 + number))
    for number in range(3):
        write_pair(tmp_path / "cups", f"cup{number}", *draw_pair(200 + number))
    return tmp_path


def config(share: float) -> TrainConfig:
    overrides = [f"training.keep_share={share}", "data.weights={mugs=2.0}", "augment.paste=0"]
    return load_config("segmenter", [*overrides, "augment.empty=0", "data.source_size=64"])


@pytest.mark.parametrize("share", [0.3, 0.75])
def test_the_kept_images_are_their_share_of_what_is_drawn(
    share: float, new: Path, images: Path
) -> None:
    train = select(find_pairs(new), "train")
    kept = RehearsalImages(images, config(share))
    pairs = [*train, *kept.train]
    odds = MaskBatches(pairs, kept.weighted(config(share), train), new).odds
    of_the_kept = [odd for odd, pair in zip(odds, pairs, strict=True) if pair.set == "kept/discs"]
    assert len(of_the_kept) == len(kept.train) == 12
    assert sum(of_the_kept) == pytest.approx(share)
    of_each = {pair.set: odd for odd, pair in zip(odds, pairs, strict=True)}
    assert of_each["mugs"] == pytest.approx(2 * of_each["cups"])


def test_a_teacher_s_labels_are_their_share_however_certain_they_are(
    new: Path, images: Path
) -> None:
    train = select(find_pairs(new), "train")
    kept = RehearsalImages(images, config(0.3))
    teacher = Teacher(name="segmenter", version="1.0.0", sha256="0" * 64, license="MIT")
    kept.train = [
        replace(pair, taught=Taught(teacher, 1 / (2 + number)))
        for number, pair in enumerate(kept.train)
    ]
    weighted = kept.weighted(config(0.3), train).data
    of_the_kept = sum(odds_of(pair, weighted) for pair in kept.train)
    of_the_new = sum(odds_of(pair, weighted) for pair in train)
    assert of_the_kept / (of_the_kept + of_the_new) == pytest.approx(0.3)


def test_the_score_counts_the_kept_images_by_their_share(images: Path) -> None:
    """0.7 x 0.8 + 0.3 x 0.4 = 0.68."""
    scorer = RehearsalImages(images, config(0.3)).combined_scorer(
        lambda _: {"score": 0.8, "mean_iou": 0.9}, lambda _: {"score": 0.4, "mean_iou": 0.5}
    )
    scores = scorer(None)
    assert scores == pytest.approx(
        {"score": 0.68, "mean_iou": 0.9, "kept_score": 0.4, "kept_mean_iou": 0.5}
    )


def test_a_kept_image_stays_on_its_side_of_the_split(images: Path) -> None:
    pairs = find_pairs(images)
    kept = RehearsalImages(images, config(0.3))
    assert [pair.stem for pair in kept.train] == [p.stem for p in select(pairs, "train")]
    assert [pair.stem for pair in kept.validation] == [p.stem for p in select(pairs, "validation")]
