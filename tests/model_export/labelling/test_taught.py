"""Training takes a teacher's labels as what they are: soft, weighted, for training alone, and
named.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from cutout.errors import DataError
from cutout.inference.onnx_predictor import load_predictor
from model_export.config import DataConfig
from model_export.data.check import check
from model_export.data.dataset import find_pairs, load_pair, odds_of, select, select_some
from model_export.data.pairs import scan
from model_export.data.soft_labels import LINES, RECORD, Rule
from model_export.labelling.label import label
from model_export.labelling.own_labels import images_to_rehearse
from model_export.quality.evaluate import pairs_to_evaluate
from model_export.training.provenance import Licenses, run_start, teachers_of, training_record
from tests.support.bundles import write_bundle
from tests.support.pairs import draw_pair, write_pair

DARK = 5  # images of which the teacher finds no subject


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`own`, drawn by hand, beside `shop`: soft labels by brightness, in two directories of
    images.
    """
    data = tmp_path / "data"
    for number in range(4):
        write_pair(data / "own", f"mug{number}", *draw_pair(number))
    for number in range(40):
        image, mask = draw_pair(100 + number)
        folder = tmp_path / "photographs" / ("new" if number % 2 else "old")
        write_pair(folder, f"x{number}", np.uint8(0) * image if number < DARK else image, mask)
    for masks in (tmp_path / "photographs").glob("*/masks"):
        for file in masks.iterdir():
            file.unlink()
    teacher = load_predictor(write_bundle(tmp_path / "teacher", "segment"))
    label(teacher, tmp_path / "photographs", data / "shop", Rule(certainty=0.4))
    return data


def test_kept_labels_are_soft_pairs_for_training_alone(root: Path) -> None:
    pairs = find_pairs(root)
    taught = [pair for pair in pairs if pair.taught]
    assert len(taught) == 40 - DARK
    assert {pair.set for pair in taught} == {"shop/old", "shop/new"}
    assert {pair.set for split in ("validation", "test") for pair in select(pairs, split)} == {
        "own"
    }
    assert set(taught) < set(select(pairs, "train"))
    image, mask = load_pair(taught[0])
    assert image.shape[:2] == mask.shape
    assert len(np.unique(mask)) > 50  # soft, not cut at a half


def test_they_are_drawn_by_certainty_and_by_the_weight_of_their_directory(root: Path) -> None:
    pairs = {pair.set: pair for pair in find_pairs(root)}
    taught = pairs["shop/new"].taught
    assert taught is not None
    assert 0.4 <= taught.certainty < 1
    data = DataConfig(weights={"shop": 2.0, "shop/old": 5.0}, soft_weight=0.5)
    assert odds_of(pairs["own"], data) == 1.0
    assert odds_of(pairs["shop/new"], data) == pytest.approx(taught.certainty)
    assert odds_of(pairs["shop/old"], data) > 2 * odds_of(pairs["shop/new"], data)


def test_another_rule_keeps_others(root: Path) -> None:
    record = json.loads((root / "shop" / RECORD).read_text())
    record["rule"]["certainty"] = 0.99
    (root / "shop" / RECORD).write_text(json.dumps(record))
    assert not [pair for pair in find_pairs(root) if pair.taught]


def test_where_images_are_gone_it_is_told(root: Path, tmp_path: Path) -> None:
    gone = next(pair.image_path for pair in find_pairs(root) if pair.taught)
    gone.unlink()
    assert any("1 of its images are no longer in" in text for text in scan(root).surprises)
    (tmp_path / "photographs").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"labels\.json: no images at .*say in its `images` where"):
        find_pairs(root)


def test_a_broken_line_is_named(root: Path) -> None:
    lines = (root / "shop" / LINES).read_text().splitlines()
    (root / "shop" / LINES).write_text("\n".join([lines[0], "{}", *lines[1:]]))
    with pytest.raises(DataError, match=r"labels\.jsonl, line 2"):
        find_pairs(root)


def test_labels_alone_are_refused_with_what_is_missing(root: Path) -> None:
    pairs = find_pairs(root / "shop")
    with pytest.raises(DataError, match="A teacher's labels are for training alone"):
        select_some(pairs, "validation")
    assert any("masks by people" in finding.text for finding in check(root / "shop").findings)
    manifest = load_predictor(root.parent / "teacher").manifest
    with pytest.raises(DataError, match="a teacher made all of its masks"):
        pairs_to_evaluate(manifest, root / "shop", "all")
    assert {pair.set for pair in pairs_to_evaluate(manifest, root, "all")} == {"own"}


def test_softness_is_no_fault_of_a_label(root: Path) -> None:
    texts = [finding.text for finding in check(root).findings]
    assert not [text for text in texts if "neither black nor white" in text]


def test_provenance_names_the_teacher_and_its_terms(root: Path) -> None:
    from model_export.config import load_config

    pairs, licenses = (
        find_pairs(root),
        Licenses("mine", {"own": "mine", "shop/new": "CC0"}, open=frozenset({"shop/new"})),
    )
    record = training_record(load_config("segmenter"), pairs, root, licenses)
    sets = {entry.name: entry for entry in record.sets}
    assert sets["own"].masks_by is None
    assert sets["shop/new"].license == "CC0"
    terms = {name: entry.terms for name, entry in sets.items()}
    assert terms == {"own": "unclear", "shop/new": "open", "shop/old": "unclear"}
    by = sets["shop/new"].masks_by
    assert by is not None
    assert by.startswith("teacher 1.0.0 (")
    assert by.endswith("): Apache-2.0")
    assert run_start(pairs).teachers == teachers_of(pairs) == {"shop/new": by, "shop/old": by}


def test_labels_may_be_called_unlabelled(root: Path) -> None:
    (root / "shop").rename(root / "unlabelled")
    assert {pair.set for pair in find_pairs(root) if pair.taught} == {
        "unlabelled/new",
        "unlabelled/old",
    }
    assert images_to_rehearse(None, root, root, root.parent / "run") is None
