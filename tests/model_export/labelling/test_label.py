"""`label`: a bundle's alphas for images without masks, and what it says of them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cutout.errors import DataError, OutputRefused
from cutout.inference.onnx_predictor import load_predictor
from cutout.inference.predictor import Predictor
from model_export.data.soft_labels import (
    LINES,
    MASKS,
    Rule,
    certainty,
    label_of,
    read_labels,
    read_record,
)
from model_export.labelling.label import label
from model_export.labelling.summary import why_left_out
from tests.support.bundles import write_bundle
from tests.support.pairs import draw_pair
from tests.support.training import run


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """A bundle whose alpha is the brightness of each pixel."""
    return write_bundle(tmp_path / "teacher", "segment")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Bright discs in two directories, a grey image of which the teacher is in doubt, a black
    one.
    """
    root = tmp_path / "unlabelled"
    for number, name in enumerate(("a/one.jpg", "b/two.jpg", "b/two.webp")):
        write(root / name, draw_pair(number)[0])
    write(root / "grey.png", np.full((40, 60, 3), 140, np.uint8))
    write(root / "black.png", np.zeros((40, 60, 3), np.uint8))
    return root


def write(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def predictor(bundle: Path) -> Predictor:
    return load_predictor(bundle)


def test_every_image_gets_a_soft_mask_and_a_line(
    teacher: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    told = run("label", teacher, images, out, "--certainty", 0.5)
    masks = {path.relative_to(out / MASKS).as_posix() for path in out.rglob("*/**/*.png")}
    assert masks == {"a/one.png", "b/two.png", "b/two.webp.png", "grey.png", "black.png"}
    alpha = cv2.imread(str(out / MASKS / "grey.png"), cv2.IMREAD_UNCHANGED)
    assert alpha is not None
    assert (alpha.shape, int(alpha.min()), int(alpha.max())) == ((40, 60), 140, 140)
    assert "5 images" in told
    assert "3 (60%) are certain enough" in told
    assert "2 left out: no subject found" in told
    assert (out / "contact-sheet.png").is_file()
    record = read_record(out)
    assert record is not None
    assert record.teacher.sha256 == predictor(teacher).manifest.model.sha256
    assert (out / record.images).resolve() == images.resolve()


def test_it_goes_on_where_it_was_stopped(teacher: Path, images: Path, tmp_path: Path) -> None:
    out, network = tmp_path / "labels", predictor(teacher)
    first = label(network, images, out, Rule())
    (out / MASKS / "grey.png").unlink()
    lines = (out / LINES).read_text()
    (out / LINES).write_text(lines[: lines.rindex('"peak"')])  # a kill cut the last one off
    write(images / "late.png", draw_pair(9)[0])
    kept = out / MASKS / "a" / "one.png"
    before = kept.stat().st_mtime_ns
    again = label(network, images, out, Rule(certainty=0.9))
    assert {each.image for each in again.labels} == {
        *(each.image for each in first.labels),
        "late.png",
    }
    assert sorted(read_labels(out), key=str) == sorted(again.labels, key=str)
    assert kept.stat().st_mtime_ns == before
    assert again.record.rule.certainty == 0.9
    assert again.record.made == first.record.made


def test_what_cannot_be_read_is_told_and_tried_again(
    teacher: Path, images: Path, tmp_path: Path
) -> None:
    (images / "broken.jpg").write_bytes(b"no image")
    made = label(predictor(teacher), images, tmp_path / "labels", Rule())
    assert len(made.labels) == 5
    assert made.waiting == 0
    assert made.unreadable == [f"{images}/broken.jpg: not a readable image; replace or remove it"]
    write(images / "broken.jpg", draw_pair(5)[0])
    assert len(label(predictor(teacher), images, tmp_path / "labels", Rule()).labels) == 6


def test_labels_of_another_teacher_or_other_images_stay(
    teacher: Path, images: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "labels", write_bundle(tmp_path / "other", "classify")
    label(predictor(teacher), images, out, Rule(), most=1)
    with pytest.raises(OutputRefused, match=r"labels by teacher 1\.0\.0, not by other 1\.0\.0"):
        label(predictor(other), images, out, Rule())
    with pytest.raises(OutputRefused, match="labels of the images in"):
        label(predictor(teacher), images / "b", out, Rule())
    with pytest.raises(OutputRefused, match="the masks would be taken for images"):
        label(predictor(teacher), images, images / "labels", Rule())
    with pytest.raises(OutputRefused, match=r"not empty, and without labels\.json"):
        label(predictor(teacher), images / "a", images / "b", Rule())
    with pytest.raises(DataError, match="no images in it"):
        label(predictor(teacher), teacher, out, Rule())


@pytest.mark.parametrize(
    ("alpha", "reason"),
    [
        ([0, 0, 255, 255], None),
        ([0, 0, 230, 90], "in doubt"),  # half of the subject see-through
        ([0, 0, 0, 0], "no subject"),
        ([0, 0, 0, 190], "no subject"),
        ([255, 255, 255, 255], "no background"),
    ],
)
def test_doubtful_empty_and_full_labels_are_left_out(alpha: list[int], reason: str | None) -> None:
    found = why_left_out(label_of("x.jpg", "x.png", np.array([alpha], np.uint8)), Rule())
    assert (found is None) if reason is None else (found is not None and reason in found)


def test_certainty_looks_at_the_subject_alone() -> None:
    alpha = np.array([[0, 25, 255, 51]], np.uint8)
    assert certainty(alpha) == pytest.approx((1.0 + 0.6) / 2)
    assert certainty(np.zeros((2, 2), np.uint8)) == 0.0
