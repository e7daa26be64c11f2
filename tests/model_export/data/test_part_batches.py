"""Batches of parts, and the random changes made to them."""

from pathlib import Path

import numpy as np
import pytest

from model_export.config import AugmentConfig, TrainConfig, load_config
from model_export.data.augment import augment_part
from model_export.data.dataset import find_pairs
from model_export.data.part_batches import PartBatches

# TensorFlow warns about itself when Keras is imported.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

NOTHING = {"flip": 0, "rotate": 0, "color": 0, "gray": 0, "blur": 0, "noise": 0, "jpeg": 0}


def config(*overrides: str) -> TrainConfig:
    return load_config(
        "classifier", ["training.batch_size=8", "data.parts_per_image=4", *overrides]
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_augmentation_keeps_shape_and_type_and_can_be_switched_off(channels: int) -> None:
    canvas = np.random.default_rng(0).integers(0, 256, (64, 64, channels), np.uint8)
    off = AugmentConfig(min_crop=1, max_crop=1, aspect=0, **NOTHING)
    np.testing.assert_array_equal(augment_part(canvas, off, np.random.default_rng(1)), canvas)
    everything = AugmentConfig(**dict.fromkeys(NOTHING, 1))
    changed = augment_part(canvas, everything, np.random.default_rng(1))
    assert changed.shape == canvas.shape
    assert changed.dtype == np.uint8
    assert (changed != canvas).mean() > 0.5


def test_an_epoch_holds_every_part_once_half_of_them_foreground(images: Path) -> None:
    batches = PartBatches(find_pairs(images), config())
    labels = np.concatenate([batches[index][1] for index in range(len(batches))])
    assert labels.shape == (18 * 4, 1)
    assert labels.sum() == 18 * 2
    assert sorted(batches.order) == list(range(18 * 4))


def test_a_batch_depends_on_seed_epoch_and_place_alone(images: Path) -> None:
    pairs = find_pairs(images)
    first, second = PartBatches(pairs, config()), PartBatches(pairs, config())
    second[0]
    np.testing.assert_array_equal(first[2][0], second[2][0])
    second.start((64, 8), epoch=1)
    assert (first[2][0] != second[2][0]).any()
    first.on_epoch_end()
    np.testing.assert_array_equal(first[2][0], second[2][0])


@pytest.mark.parametrize("redraw", [True, False])
def test_new_parts_each_epoch_where_asked_for(images: Path, redraw: bool) -> None:
    batches = PartBatches(find_pairs(images), config(f"data.redraw_parts={str(redraw).lower()}"))
    before = [part for _, part in batches.parts]
    batches.on_epoch_end()
    assert ([part for _, part in batches.parts] != before) == redraw


def test_a_set_with_twice_the_weight_gives_twice_the_parts(images: Path) -> None:
    weighted = PartBatches(find_pairs(images), config("data.weights.discs=2.0"))
    assert len(weighted.parts) == 18 * 8


def labels_of(batches: PartBatches) -> list[int]:
    return [batches.parts[place][1].label for place in batches.order]


UNEVEN = ("data.parts_per_image=10", "data.foreground_share=0.1")


@pytest.mark.parametrize(
    ("resample", "expected"),
    [("none", (18 * 9, 18)), ("over", (18 * 9, 18 * 9)), ("under", (18, 18))],
)
def test_resampling_evens_out_the_classes(
    images: Path, resample: str, expected: tuple[int, int]
) -> None:
    batches = PartBatches(find_pairs(images), config(*UNEVEN, f"data.resample={resample}"))
    labels = labels_of(batches)
    assert (labels.count(0), labels.count(1)) == expected
    assert batches.steps((64, 8)) == max(1, sum(expected) // 8)
    rare = [place for place in batches.order if batches.parts[place][1].label == 1]
    assert set(rare) == {place for place, (_, part) in enumerate(batches.parts) if part.label == 1}
    before = set(batches.order)
    batches.on_epoch_end()
    assert (set(batches.order) != before) == (resample == "under")


def test_the_rare_class_may_be_the_background(images: Path) -> None:
    batches = PartBatches(
        find_pairs(images), config(UNEVEN[0], "data.foreground_share=0.9", "data.resample=under")
    )
    assert labels_of(batches).count(0) == labels_of(batches).count(1) == 18


@pytest.mark.parametrize(
    ("weights", "expected"),
    [("balanced", [180 / (2 * 162), 180 / (2 * 18)]), ("[0.5, 3.0]", [0.5, 3.0])],
)
def test_class_weights_come_with_each_sample(
    images: Path, weights: str, expected: list[float]
) -> None:
    batches = PartBatches(find_pairs(images), config(*UNEVEN, f"training.class_weights={weights}"))
    batch = batches[0]
    assert len(batch) == 3
    _, y, w = batch
    np.testing.assert_allclose(w, np.array(expected)[y[:, 0].astype(int)], rtol=1e-6)


def test_augmentation_can_be_for_the_rare_class_alone(images: Path) -> None:
    pairs, changed = find_pairs(images), []
    plain = PartBatches(pairs, config(*UNEVEN).model_copy(update={"augment": None}))
    rare = PartBatches(pairs, config(*UNEVEN, "data.augment_only_rare=true", "augment.rotate=1"))
    for index in range(len(plain)):
        x, y, other = plain[index][0], plain[index][1], rare[index][0]
        changed += [
            (int(label), bool((one != two).any()))
            for one, two, label in zip(x, other, y[:, 0], strict=True)
        ]
    assert {label for label, differs in changed if differs} == {1}
    assert all(differs for label, differs in changed if label == 1)
