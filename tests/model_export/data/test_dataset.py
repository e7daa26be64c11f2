"""Finding, checking and splitting images with masks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutout.errors import DataError
from cutout.imaging.preprocess import Image, resize
from model_export.data.dataset import (
    SPLITS,
    Pair,
    find_pairs,
    fingerprint,
    load_pair,
    select,
    select_some,
    small_split_warning,
    split_of,
)
from model_export.data.files import Mask
from tests.support.pairs import draw_pair, write_pair


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_pair(tmp_path / "cats", "tom", *draw_pair(0))
    return tmp_path


def load_only_pair(root: Path) -> tuple[Image, Mask]:
    (pair,) = find_pairs(root)
    return load_pair(pair)


def test_pairs_are_found_by_stem_in_sets_or_in_one_folder(root: Path) -> None:
    assert [(pair.set, pair.stem) for pair in find_pairs(root)] == [("cats", "tom")]
    assert [(pair.set, pair.stem) for pair in find_pairs(root / "cats")] == [("cats", "tom")]


def test_a_missing_mask_is_named(root: Path) -> None:
    (root / "cats/masks/tom.png").unlink()
    with pytest.raises(DataError, match=r"images/tom\.jpg: no mask; expected .*masks/tom\.png"):
        find_pairs(root)


@pytest.mark.parametrize("content", [b"", b"not an image"])
@pytest.mark.parametrize("name", ["images/tom.jpg", "masks/tom.png"])
def test_an_unreadable_file_is_named(root: Path, name: str, content: bytes) -> None:
    (root / "cats" / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: not a readable image"):
        load_only_pair(root)


def test_an_empty_mask_is_named(root: Path) -> None:
    write_pair(root / "cats", "tom", draw_pair(0)[0], np.zeros((64, 80), np.uint8))
    with pytest.raises(DataError, match=r"masks/tom\.png: the mask is empty"):
        load_only_pair(root)


def test_a_mask_of_another_size_is_named_with_both_sizes(root: Path) -> None:
    write_pair(root / "cats", "tom", draw_pair(0)[0], np.full((40, 40), 255, np.uint8))
    with pytest.raises(
        DataError, match=r"masks/tom\.png: the mask is 40x40 pixels, its image 80x64, in other"
    ):
        load_only_pair(root)


def test_a_reduced_mask_fits_its_image(root: Path) -> None:
    image, mask = draw_pair(0)
    write_pair(root / "cats", "tom", image, resize(mask, 41, 32))
    assert load_only_pair(root)[1].shape == image.shape[:2]


def test_no_images_and_unknown_sets_are_errors(root: Path) -> None:
    (nothing := root / "nothing").mkdir()
    with pytest.raises(DataError, match="no such directory"):
        find_pairs(root / "nowhere")
    with pytest.raises(DataError, match="no images found"):
        find_pairs(nothing)
    with pytest.raises(DataError, match=r"images \(1\), but no masks; .* label"):
        find_pairs(root / "cats/images")
    with pytest.raises(DataError, match="no such set: dogs"):
        find_pairs(root, ["cats", "dogs"])


def pair_of(group: str) -> Pair:
    return Pair("set", group, group, Path(), Path())


def test_the_split_is_the_same_everywhere() -> None:
    assert [split_of(pair_of(group)) for group in ("image0", "image11", "image13")] == [
        "train",
        "validation",
        "test",
    ]


def test_every_pair_is_on_one_side_and_the_shares_are_as_stated() -> None:
    pairs = [pair_of(f"image{number}") for number in range(5000)]
    sides = {split: select(pairs, split) for split in SPLITS}
    assert sorted(pair for side in sides.values() for pair in side) == sorted(pairs)
    assert len(sides["test"]) == pytest.approx(400, abs=60)
    assert len(sides["validation"]) == pytest.approx(350, abs=60)


@given(st.sets(st.integers(0, 1000), min_size=1, max_size=12))
def test_few_images_leave_no_side_empty(numbers: set[int]) -> None:
    pairs = [pair_of(f"image{number}") for number in sorted(numbers)]
    sides = [select(pairs, split) for split in SPLITS]
    assert sorted(pair for side in sides for pair in side) == sorted(pairs)
    assert sum(1 for side in sides if side) == min(3, len(pairs))


@given(st.sets(st.integers(0, 10_000), min_size=10, max_size=120))
def test_a_small_folder_keeps_a_tenth_for_each_of_validation_and_test(numbers: set[int]) -> None:
    pairs = [pair_of(f"image{number}") for number in sorted(numbers)]
    train, test, validation = (select(pairs, split) for split in SPLITS)
    assert min(len(test), len(validation)) >= min(10, len(pairs) // 10)
    assert {split_of(pair) for pair in train} == {"train"}, "only training gives"
    assert (small_split_warning(pairs) is None) == (min(len(test), len(validation)) >= 10)


def test_a_folder_with_enough_on_each_side_is_split_by_the_hash_alone() -> None:
    pairs = [pair_of(f"image{number}") for number in range(500)]
    assert all(
        select(pairs, split) == [pair for pair in pairs if split_of(pair) == split]
        for split in SPLITS
    )


def test_few_images_to_judge_on_are_told_with_the_remedy() -> None:
    told = small_split_warning([pair_of(f"image{number}") for number in range(50)])
    assert told is not None
    assert told.startswith("few images for validation (5) and for the test (6), of 50")
    assert "bring 100 or more" in told
    assert small_split_warning([pair_of(f"image{number}") for number in range(100)]) is None


def test_too_few_images_are_an_error() -> None:
    with pytest.raises(DataError, match=r"too few images \(1\): none is left for test"):
        select_some([pair_of("image0")], "test")


def test_all_frames_of_a_clip_are_on_one_side(tmp_path: Path) -> None:
    for clip in range(12):
        for frame in range(3):
            write_pair(tmp_path / "film", f"clip{clip}_{frame}", *draw_pair(frame))
    pairs = find_pairs(tmp_path, clips={"film": r"(.+)_\d+"})
    assert len({pair.group for pair in pairs}) == 12
    assert len({(pair.group, split_of(pair)) for pair in pairs}) == 12


def test_the_fingerprint_follows_names_and_contents(root: Path) -> None:
    before = fingerprint(find_pairs(root))
    assert fingerprint(find_pairs(root)) == before
    write_pair(root / "cats", "tom", *draw_pair(1))
    assert fingerprint(find_pairs(root)) != before
