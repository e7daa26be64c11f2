"""`data check`: each fault is found and named, sound data gives none, and the exit code tells."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cutout.errors import DataError
from model_export.__main__ import cli
from model_export.data.check import is_inverted
from model_export.data.dataset import find_pairs, split_of_key
from model_export.data.duplicates import fingerprint_of
from model_export.report.check import sheet_of
from tests.support.pairs import draw_pair, write_pair


def stem_on(side: str, start: int = 0) -> str:
    return next(f"cup{n}" for n in range(start, 999) if split_of_key(f"mugs/cup{n}") == side)


def scene(seed: int) -> np.ndarray:
    """A smooth random image (96, 128, 3): unlike any other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (128, 96), interpolation=cv2.INTER_CUBIC), np.uint8)


def disc() -> np.ndarray:
    return np.asarray(cv2.circle(np.zeros((96, 128), np.uint8), (64, 48), 30, 255, -1), np.uint8)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(24):
        write_pair(tmp_path / "mugs", f"cup{number}", scene(number), disc())
    return tmp_path


def check(root: Path, *more: str) -> tuple[int, dict[str, Any]]:
    sheet = root.parent / f"{root.name}.png"
    result = CliRunner().invoke(
        cli, ["data", "check", str(root), "--json", "--sheet", str(sheet), *more]
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result.exit_code, json.loads(result.stdout)


def test_sound_data_is_ready(root: Path) -> None:
    code, report = check(root)
    assert (code, report["ok"], report["errors"]) == (0, True, [])
    (warning,) = report["warnings"]
    assert warning["file"] == str(root)
    assert "few images for validation (2) and for the test (2), of 24" in warning["problem"]
    assert report["near_duplicates_across_the_split"] == []
    mugs = report["sets"]["mugs"]
    assert mugs["images"] == mugs["train"] + mugs["validation"] + mugs["test"] == 24
    assert mugs["width"] == {"least": 128, "median": 128, "most": 128}
    assert mugs["foreground"]["median"] == pytest.approx(np.pi * 30**2 / (96 * 128), abs=0.01)
    sheet = cv2.imread(report["contact_sheet"])
    assert sheet is not None
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 1000


def spoil(root: Path, fault: str) -> None:
    mask, image = root / "mugs/masks/cup5.png", root / "mugs/images/cup5.jpg"
    masks = {
        "empty": disc() * 0,
        "ones": disc() // 255,
        "other size": disc()[:, :64],
        "full": disc() * 0 + 255,
        "inverted": 255 - disc(),
        "gray": disc() // 255 * 150,
        "speck": np.pad(np.full((3, 3), 255, np.uint8), ((0, 93), (0, 125))),
    }
    if fault in masks:
        cv2.imwrite(str(mask), masks[fault])
    elif fault == "no mask":
        mask.unlink()
    elif fault == "cut off":
        image.write_bytes(image.read_bytes()[:200])
    elif fault == "no image":
        image.unlink()
    elif fault == "tiny":
        write_pair(root / "mugs", "cup5", *(pixels[:40, :40] for pixels in draw_pair(0)))


@pytest.mark.parametrize(
    ("fault", "file", "words", "stops"),
    [
        ("empty", "masks/cup5.png", "the mask is empty", True),
        ("ones", "masks/cup5.png", "brightest value is 1", True),
        ("other size", "masks/cup5.png", "the mask is 64x96 pixels", True),
        ("no mask", "images/cup5.jpg", "no mask; expected", True),
        ("cut off", "images/cup5.jpg", "not a readable image", True),
        ("no image", "masks/cup5.png", "a mask without an image", False),
        ("full", "masks/cup5.png", "100% of it is foreground", False),
        ("inverted", "masks/cup5.png", "the mask looks inverted", False),
        ("gray", "masks/cup5.png", "neither black nor white", False),
        ("speck", "masks/cup5.png", "only 0.07% of it is foreground", False),
        ("tiny", "masks/cup5.png", "only 40x40 pixels", False),
    ],
)
def test_a_fault_is_named_with_its_file(
    root: Path, fault: str, file: str, words: str, stops: bool
) -> None:
    spoil(root, fault)
    code, report = check(root)
    warnings = [finding for finding in report["warnings"] if finding["file"] != str(root)]
    found = report["errors"] if stops else warnings
    assert [finding["file"] for finding in found] == [f"{root}/mugs/{file}"]
    assert words in found[0]["problem"]
    assert (code, report["ok"]) == (int(stops), not stops)
    assert not (warnings if stops else report["errors"])


def test_all_that_is_missing_is_told_at_once(root: Path) -> None:
    for number in (1, 2, 3):
        (root / f"mugs/masks/cup{number}.png").unlink()
    assert len(check(root)[1]["errors"]) == 3


def test_copies_on_both_sides_of_the_split_are_told(root: Path) -> None:
    train, test = stem_on("train", 100), stem_on("test", 100)
    image, mask = scene(77), disc()
    write_pair(root / "mugs", train, image, mask)
    smaller = np.asarray(
        cv2.resize(image[2:-2, 2:-2], (100, 80), interpolation=cv2.INTER_AREA), np.uint8
    )
    small_mask = np.asarray(cv2.resize(mask, (100, 80)), np.uint8)
    write_pair(root / "mugs", test, np.clip(smaller * 1.05, 0, 255).astype(np.uint8), small_mask)
    write_pair(root / "mugs", stem_on("train", 300), image, mask)
    twins = check(root)[1]["near_duplicates_across_the_split"]
    assert {(Path(twin["first"]).stem, Path(twin["second"]).stem) for twin in twins} == {
        (test, train) if test < train else (train, test),
        tuple(sorted((test, stem_on("train", 300)))),
    }


def test_images_of_one_clip_stand_on_one_side(root: Path) -> None:
    image, mask = scene(77), disc()
    for view in range(8):
        write_pair(root / "views", f"cup_{view}", image, mask)
    assert check(root)[1]["near_duplicates_across_the_split"]
    assert not check(root, "--clips", r"views=(.+)_\d+")[1]["near_duplicates_across_the_split"]
    refused = CliRunner().invoke(cli, ["data", "check", str(root), "--clips", "views=.+"])
    assert isinstance(refused.exception, DataError)


def test_images_of_one_outline_and_other_colors_are_no_copies() -> None:
    red, blue = (np.full((96, 128, 3), 255, np.uint8) for _ in range(2))
    red[disc() > 0], blue[disc() > 0] = (200, 0, 0), (0, 0, 200)
    difference = fingerprint_of(red)[8:].astype(int) - fingerprint_of(blue)[8:]
    assert np.abs(difference).mean() > 14


def test_a_subject_that_touches_the_frame_is_not_inverted() -> None:
    person = np.zeros((90, 60), np.uint8)
    person[20:, 10:50] = 255
    assert not is_inverted(person)
    assert not is_inverted(person * 0 + 255)
    assert is_inverted(255 - disc())


def test_the_text_names_the_remedy_and_ends_with_the_verdict(root: Path) -> None:
    spoil(root, "empty")
    result = CliRunner().invoke(
        cli, ["data", "check", str(root), "--sheet", str(root.parent / "sheet.png")]
    )
    assert result.exit_code == 1
    assert "error: training would stop (1):" in result.stdout
    assert "masks/cup5.png: the mask is empty; remove the pair" in result.stdout
    assert "1 error, named above: training would stop" in result.stdout


def test_a_set_of_inverted_masks_is_told_as_a_whole(root: Path) -> None:
    """A disc that reaches over the frame is not taken for an inverted mask, were it alone."""
    for number in range(24):
        mask = np.asarray(cv2.circle(disc() * 0, (64, 48), 58, 255, -1), np.uint8)
        write_pair(root / "mugs", f"cup{number}", scene(number), 255 - mask)
    (warning,) = [found for found in check(root)[1]["warnings"] if "inverted" in found["problem"]]
    assert warning["file"] == str(root)
    assert warning["problem"].startswith("the set mugs looks inverted: in 24 of 24 masks")


def test_images_of_a_kind_that_is_not_read_are_counted(root: Path) -> None:
    for name in ("a.heic", "b.HEIC", "c.avif"):
        (root / "mugs/images" / name).touch()
    write_pair(root / "mugs", "b", scene(99), disc())
    (root / "mugs/images/b.jpg").unlink()  # its mask belongs to b.HEIC
    warnings = [found for found in check(root)[1]["warnings"] if found["file"] != str(root)]
    assert [(found["file"], found["problem"]) for found in warnings] == [
        (
            f"{root}/mugs/images",
            "images of a kind that is not read here are left out (1 .avif, 2 .heic); save as JPEG",
        )
    ]


def test_a_folder_of_nothing_else_says_so(tmp_path: Path) -> None:
    for kind, suffix in (("images", "heic"), ("masks", "png")):
        (tmp_path / "mugs" / kind).mkdir(parents=True)
        (tmp_path / "mugs" / kind / f"a.{suffix}").touch()
    with pytest.raises(DataError, match=r"images: .* left out \(1 .heic\); save as JPEG"):
        find_pairs(tmp_path)


def test_two_directories_of_one_name_have_two_contact_sheets(tmp_path: Path) -> None:
    first, second = sheet_of(tmp_path / "a" / "mugs"), sheet_of(tmp_path / "b" / "mugs")
    assert first != second
    assert first.name.startswith("mugs-")
    assert first == sheet_of(tmp_path / "a" / "x" / ".." / "mugs")
