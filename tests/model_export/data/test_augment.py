"""What is pasted where, seen in pixels: a subject is red, what is around it blue, the other scenery
green.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from model_export.config import AugmentConfig, DataConfig
from model_export.data.augment import Sample, empty, lift, paste, scenery
from model_export.data.dataset import split_of_key
from model_export.data.pairs import find_scenery
from model_export.data.scenery import Scenery

SIDE = 48
RED, GREEN, BLUE = 0, 1, 2
edges = (
    st.tuples(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1))
    .map(sorted)
    .filter(lambda ends: ends[0] < ends[1])
)


def sample(rows: list[int], columns: list[int]) -> Sample:
    image, mask = plain(BLUE), np.zeros((SIDE, SIDE), np.uint8)
    inside = slice(rows[0], rows[1] + 1), slice(columns[0], columns[1] + 1)
    image[inside], mask[inside] = plain(RED)[inside], 255
    return image, mask


def plain(channel: int) -> NDArray[np.uint8]:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[..., channel] = 255
    return image


@given(st.integers(20, 700), st.integers(20, 700), st.integers(0, 99))
def test_a_background_is_as_sharp_as_what_is_pasted_on_it(
    width: int, height: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    stripes = np.zeros((height, width, 3), np.uint8)
    stripes[:, ::2] = 255
    ground, mask = empty(stripes, 256, rng)
    assert (ground.shape, mask.max()) == ((256, 256, 3), 0)
    if min(width, height) < 256:  # enlarged at the most, and that little
        assert np.abs(np.diff(ground[:, :, 0].astype(int), axis=1)).mean() > 90


def test_what_was_cut_off_at_both_ends_reaches_from_end_to_end() -> None:
    rng = np.random.default_rng(0)
    band = sample([20, 30], [0, SIDE - 1])
    for _ in range(20):
        _, mask = paste(lift(band), plain(GREEN), SIDE, rng)
        assert mask.any(axis=0).all()


def test_scenery_is_found_at_any_depth(tmp_path: Path) -> None:
    for name in ("a.JPG", "set/b.webp", "set/deep/c.png", "set/._d.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in find_scenery(tmp_path)] == ["a.JPG", "b.webp", "c.png"]


@given(edges, edges)
def test_scenery_shows_nothing_of_the_subject_and_is_large_enough(
    rows: list[int], columns: list[int]
) -> None:
    for part in scenery(sample(rows, columns)):
        assert part[..., BLUE].min() == 255
        assert 3 * min(part.shape[:2]) >= SIDE


@given(edges, edges, st.integers(0, 100))
def test_the_mask_is_where_the_subject_was_pasted(
    rows: list[int], columns: list[int], seed: int
) -> None:
    image, mask = paste(
        lift(sample(rows, columns)), plain(GREEN), SIDE, np.random.default_rng(seed)
    )
    assert mask.any()
    assert (image[mask == 0] == [0, 255, 0]).all()
    assert (image[mask == 255][:, GREEN] == 0).all()


@given(edges, st.integers(0, 100))
def test_a_subject_cut_off_by_its_images_edge_is_cut_off_there_again(
    columns: list[int], seed: int
) -> None:
    columns = [max(1, columns[0]), min(SIDE - 2, columns[1])]
    if columns[0] < columns[1]:
        cut = lift(sample([20, SIDE - 1], columns))
        assert cut.cut == (False, False, False, True)
        _, mask = paste(cut, plain(GREEN), SIDE, np.random.default_rng(seed))
        assert mask[-1].any()


def test_what_lies_behind_a_pasted_subject_is_background(tmp_path: Path) -> None:
    (tmp_path / "cutouts/blue").mkdir(parents=True)
    for number in range(9):  # several, as a hash may give one of them to another side
        cv2.imwrite(
            str(tmp_path / f"cutouts/blue/{number}.png"),
            np.full((SIDE, SIDE, 4), (255, 0, 0, 255), np.uint8),
        )
    pasting = Scenery(
        tmp_path, SIDE, [plain(GREEN)], AugmentConfig(borrow=1, behind=1), DataConfig()
    )
    subject = sample([10, 30], [10, 30])
    seen = [pasting.pasted(subject, SIDE, np.random.default_rng(seed)) for seed in range(20)]
    of_the_subject = [
        (image, mask) for image, mask in seen if (image[mask == 255][:, RED] == 255).all()
    ]
    assert 0 < len(of_the_subject) < len(seen)
    assert any((image[mask == 0][:, BLUE] == 255).any() for image, mask in of_the_subject)


@pytest.mark.parametrize(("most", "share"), [(0.25, 0.25), (0.9, 0.75)])
def test_rendered_objects_are_pasted_no_more_often_than_stated(
    most: float, share: float, tmp_path: Path
) -> None:
    """Three in four of the cut-outs are rendered: no more than `most` of what is pasted may be."""
    counts = {"drawn": 60, "photographed": 20}
    for name, count in counts.items():
        (tmp_path / "cutouts" / name).mkdir(parents=True)
        stems = (f"{number}" for number in range(999))
        training = [stem for stem in stems if split_of_key(f"{name}/{stem}") == "train"][:count]
        for stem in training:
            pixels = np.full((8, 8, 4), (255, 0, 0, 255 if name == "drawn" else 254), np.uint8)
            cv2.imwrite(str(tmp_path / "cutouts" / name / f"{stem}.png"), pixels)
    data = DataConfig(rendered=("drawn",), most_rendered=most)
    scenery = Scenery(tmp_path, SIDE, [plain(GREEN)], AugmentConfig(), data)
    drawn = [cutout.pixels[0, 0, 3] == 255 for cutout in scenery.cutouts]
    assert sum(drawn) == 60
    assert scenery.odds[drawn].sum() == pytest.approx(share)
    assert scenery.odds.sum() == pytest.approx(1)


def test_cut_outs_of_images_kept_aside_are_not_pasted(tmp_path: Path) -> None:
    training = [f"{number}" for number in range(30) if split_of_key(f"mugs/{number}") == "train"]
    for stem in training:
        (tmp_path / "cutouts" / "mugs").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / f"cutouts/mugs/{stem}.png"), np.full((8, 8, 4), 254, np.uint8))
    policy = AugmentConfig()
    scenery = Scenery(tmp_path, SIDE, [], policy, DataConfig(), aside={f"mugs/{training[0]}"})
    assert len(scenery.cutouts) == len(training) - 1


def policy(**shares: float) -> Scenery:
    return Scenery(
        Path("nowhere"), SIDE, [plain(GREEN)], AugmentConfig(borrow=1, **shares), DataConfig()
    )


def seen(pasting: Scenery, subject: Sample, count: int = 20) -> list[Sample]:
    return [pasting.pasted(subject, SIDE, np.random.default_rng(seed)) for seed in range(count)]


def test_what_is_switched_off_changes_nothing() -> None:
    subject = sample([10, 30], [10, 30])
    for image, mask in seen(policy(), subject):
        assert (image[mask == 255][:, RED] == 255).all()
        assert (image[mask == 0][:, GREEN] == 255).all()
        assert cv2.connectedComponents(mask)[0] == 2


def test_of_two_subjects_both_count() -> None:
    made = seen(policy(second=1), sample([10, 30], [10, 30]))
    boxes = [cv2.boundingRect(mask) for _, mask in made]
    counts = [np.count_nonzero(mask) for _, mask in made]
    assert any(box[2] * box[3] > count for box, count in zip(boxes, counts, strict=True))
    for image, mask in made:
        assert (image[mask == 255][:, RED] == 255).all()
        assert (image[mask == 0][:, GREEN] == 255).all()


def test_a_subject_beyond_the_frame_ends_at_an_edge() -> None:
    whole, cut = (
        [
            any(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
            for _, mask in seen(policy(beyond=share), sample([10, 30], [15, 30]))
        ]
        for share in (0.0, 1.0)
    )
    assert all(cut)
    assert not all(whole)


def test_what_has_a_hole_shows_the_ground_through_it_or_is_closed() -> None:
    open_ones = 0
    for _, mask in seen(policy(holes=1), sample([10, 30], [10, 30]), 16):
        outside = cv2.connectedComponents((mask < 128).astype(np.uint8), connectivity=4)[0]
        assert outside >= 2  # the ground around
        open_ones += outside >= 3  # and at least one enclosed
        assert mask.any()
    assert 3 <= open_ones <= 13


def test_a_shadow_is_background() -> None:
    subject = sample([10, 30], [10, 30])
    plainly, darker = (seen(policy(shadows=share), subject) for share in (0.0, 1.0))
    assert any(
        (image[mask == 0][:, GREEN] < 200).any() or (image[mask == 0][:, RED] > 30).any()
        for image, mask in darker
    )
    assert all((image[mask == 0][:, GREEN] == 255).all() for image, mask in plainly)
